"""Storage primitives: LMDB tables, row values, bitmaps, row sets, mapped and durable files."""
