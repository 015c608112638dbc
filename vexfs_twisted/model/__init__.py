"""The domain model shared by all layers: ids, vectors, filters, queries, updates, errors.

Independent of wire formats, threads and files. Imports numpy and attrs only.
"""
