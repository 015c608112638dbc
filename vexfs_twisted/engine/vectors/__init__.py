"""Encodings of vectors, and flat files of them."""
