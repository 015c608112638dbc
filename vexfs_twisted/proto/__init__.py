"""What a client in Python needs: the messages, and a stub of the flat service.

The same for the server and its clients; nothing in the server imports this package.
"""
