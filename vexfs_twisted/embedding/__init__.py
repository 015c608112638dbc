"""Vectors that the server computes itself: BM25 sparse vectors of texts."""
