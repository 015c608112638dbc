"""Transports of gRPC: servers that accept calls and pass them on, whatever they are made of."""
