"""Tells twistd of the daemon. Nothing of it is imported until its subcommand is used."""

from twisted.application.service import ServiceMaker

vexfs_qdrant = ServiceMaker(
    "VexFS Qdrant",
    "vexfs_twisted.tap",
    "A Qdrant-compatible vector database server over REST and gRPC.",
    "vexfs-qdrant",
)
