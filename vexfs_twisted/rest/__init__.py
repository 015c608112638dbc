"""The REST API: JSON over HTTP, routed by Klein to the operations."""
