"""The JSON form of collection configuration, shared by the files on disk and the REST wire."""
