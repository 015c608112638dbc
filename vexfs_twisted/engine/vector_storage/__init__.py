"""Vector storages, one per vector name: files, and the vector spaces that searches use."""
