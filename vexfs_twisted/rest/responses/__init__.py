"""Responses as values, and the sources of streaming responses."""
