"""VexFS devices: the kernel interface, a client of it, and a probe that verifies a device."""
