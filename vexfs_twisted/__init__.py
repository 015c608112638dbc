"""A Qdrant-compatible vector database server on Twisted."""

from typing import Final

__version__: Final = "0.1.0"

QDRANT_VERSION: Final = "1.19.0"
"""The version of Qdrant whose interface this server speaks, and which it reports to clients."""

QDRANT_TITLE: Final = "qdrant - vector search engine"
"""The title that clients expect in the response of the root endpoint."""

QDRANT_COMMIT: Final = "0" * 40
"""Placeholder for the commit that Qdrant reports it was built from: 40 hexadecimal digits."""
