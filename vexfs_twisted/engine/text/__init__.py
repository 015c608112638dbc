"""How text indexes read text: cutting into words, folding, stopwords, stems, and matching."""
