"""Search of multivectors: the sum over a query's rows of the best match among stored rows."""
