"""Telemetry: the call log, call statistics by method, and the status of the server."""
