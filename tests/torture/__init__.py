"""Kills of a real server under a mixed load, and what must be there after each of them."""
