"""Copies collections between servers over gRPC: `vexfs-qdrant import` and `export`."""
