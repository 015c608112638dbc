"""Codecs of the REST API: request bodies to values of the model, and results to JSON values."""
