"""The storage service: the engine behind Deferreds, with its threads, queues and group commit."""
