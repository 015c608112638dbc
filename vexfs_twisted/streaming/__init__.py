"""Streams of points to and from clients, in batches, with one memory budget for all of them."""
