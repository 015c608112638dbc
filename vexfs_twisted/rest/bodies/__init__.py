"""Request bodies: taken in pieces, bounded, and consumed while they arrive."""
