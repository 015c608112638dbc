"""Random filters on random payloads, and three evaluators to hold the engine against."""
