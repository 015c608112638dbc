"""How points lie on disk: LMDB tables, vector files, bitmaps and the states that reads use."""
