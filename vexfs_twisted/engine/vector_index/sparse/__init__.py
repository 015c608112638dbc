"""Search of sparse vectors: postings of ranges of rows, and exact scores of chosen rows."""
