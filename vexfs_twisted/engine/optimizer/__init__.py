"""The optimizer, background work: builds, renews and removes graphs and codes; frees space."""
