"""Connections and requests: HTTP/1.1 over twisted.web, with bounds on everything."""
