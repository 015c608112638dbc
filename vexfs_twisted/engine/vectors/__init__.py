"""Encodings of vectors, and the files they lie in."""
