"""Text analysis: word splitting, folding, stopwords, stemming; matching of tokens."""
