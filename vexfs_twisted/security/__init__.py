"""Middleware for authentication, rate limits and local-only methods."""
