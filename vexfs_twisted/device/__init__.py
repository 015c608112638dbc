"""VexFS devices: the interface of the kernel, a client of it, and the proof that one is sound."""
