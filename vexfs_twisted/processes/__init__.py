"""Several processes that serve one data folder: one writes, the others answer reads."""
