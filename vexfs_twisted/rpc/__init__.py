"""The gRPC wire: a bridged grpc.aio server, its codecs and its generated code."""
