"""Streams: points that come and go batch by batch, in memory that is bounded over all of them."""
