"""The gRPC server: grpc.aio bridged to the reactor, its codecs and its generated code."""
