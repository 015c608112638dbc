"""The embedded engine: it stores collections durably and searches them.

Synchronous and thread-safe. It knows no Twisted and no wire format.
"""
