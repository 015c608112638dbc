"""The embedded engine: stores collections durably and searches them.

Synchronous and thread-safe. It does not depend on Twisted or on wire formats.
"""
