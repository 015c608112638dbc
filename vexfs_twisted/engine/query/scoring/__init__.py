"""Scores of points above the leaf reads: pure functions of arrays, which know no storage."""
