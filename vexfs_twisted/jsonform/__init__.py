"""The JSON encoding of collection configuration, shared by the files on disk and the REST API."""
