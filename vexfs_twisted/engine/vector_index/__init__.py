"""Search structures over vectors. Only this package knows faiss."""
