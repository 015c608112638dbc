"""Fuzzing: requests that are nearly right, for the decoders alone and for a running daemon."""
