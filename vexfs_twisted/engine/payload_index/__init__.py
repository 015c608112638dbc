"""Payload fields as sorted arrays, which answer conditions without reading payloads."""
