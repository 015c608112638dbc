"""A Qdrant-compatible vector database server on Twisted."""

from typing import Final

__version__: Final = "0.1.0"

QDRANT_VERSION: Final = "1.19.0"
"""The version of Qdrant whose interface this server speaks, and which it reports to clients."""
