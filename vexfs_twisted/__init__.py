"""A Qdrant-compatible vector database server on Twisted."""

from typing import Final

__version__: Final = "0.1.0"

QDRANT_VERSION: Final = "1.19.0"
"""The version of Qdrant whose interface this server speaks, and which it reports to clients."""

QDRANT_TITLE: Final = "qdrant - vector search engine"
"""The name under which clients expect to find it."""

QDRANT_COMMIT: Final = "0" * 40
"""Where Qdrant tells the commit that it was built from, 40 hexadecimal digits."""
