"""The mirror: copies of vectors on a VexFS device, which searches may use while it is reliable."""
