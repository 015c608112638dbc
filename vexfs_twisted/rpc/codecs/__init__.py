"""Codecs of the gRPC API: messages to values of the model and back, a module per topic."""
