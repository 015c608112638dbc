"""The vectors of collections on a VexFS device, and what it is trusted with."""
