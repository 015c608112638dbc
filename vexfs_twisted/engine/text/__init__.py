"""Tokenization for text indexes: word splitting, folding, stopwords, stemming, and matching."""
