"""Queries on one snapshot of a collection: records, pages and scored points."""
