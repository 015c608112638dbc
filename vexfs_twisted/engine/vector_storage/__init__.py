"""Storages of vectors, one for each vector name: files, and what searches see of them."""
