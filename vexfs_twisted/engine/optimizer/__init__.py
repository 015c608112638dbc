"""The work that goes on behind reads and writes: graphs and codes made, renewed and removed."""
