"""Strict mode: the limits of a collection on the requests to it."""
