"""Responses as values, and the sources of those that are sent in pieces."""
