"""A VexFS v2 device in user space: a FUSE file system of vector files, stored by the engine."""
