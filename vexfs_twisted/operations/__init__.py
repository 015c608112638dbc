"""The use cases of the server. Both wires call these and nothing below them."""
