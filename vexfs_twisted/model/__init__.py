"""The values that every layer speaks: ids, vectors, filters, queries, updates, errors.

Nothing here knows a wire format, a thread or a file. Only numpy and attrs are imported.
"""
