"""Filter evaluation: from a filter to the set of rows that pass it."""
