"""The REST wire: JSON over HTTP on Klein, decoded, handed to the operations, and encoded."""
