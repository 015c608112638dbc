"""`python -m vexfs_twisted` is the `vexfs-qdrant` command."""

from .main import main

main()
