"""The gRPC server: its transports, handlers, codecs and generated code."""
