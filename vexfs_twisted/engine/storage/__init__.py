"""How points lie on disk: LMDB tables, vector files, bitmaps and the views that reads use."""
