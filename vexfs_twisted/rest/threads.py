"""When the bodies of calls are decoded and encoded in worker threads."""

THREAD_FROM_BYTES = 64 * 1024
"""Bodies of this size or more are decoded, and results encoded, outside the reactor thread."""
