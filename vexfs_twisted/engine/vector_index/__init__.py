"""Vector indexes: kernels, HNSW graphs, quantization codes, segments. Only here is faiss used."""
