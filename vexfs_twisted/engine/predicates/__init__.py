"""Tests of payload values: paths, places, UUIDs, and what an index changes about them."""
