"""Request bodies: bounded in size, and consumed in pieces while they arrive."""
