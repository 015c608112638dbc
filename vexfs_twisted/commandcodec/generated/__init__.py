"""Code generated from proto/."""
