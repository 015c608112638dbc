"""Snapshots of collections: archives that are made while writes go on, and restored from."""
