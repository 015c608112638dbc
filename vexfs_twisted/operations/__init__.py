"""The operations of the server: the layer that REST and gRPC call, and the only one they use."""
