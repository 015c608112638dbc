"""gRPC-Web: the gRPC services over HTTP/1.1 on the REST port, for browsers."""
