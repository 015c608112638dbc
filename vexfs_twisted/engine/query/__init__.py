"""Reads of one moment of a collection: records, pages and scored points."""
