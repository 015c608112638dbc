"""The storage service: a Deferred-returning API of the engine, with threads and group commit."""
