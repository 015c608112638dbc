"""The state of a collection after a commit, and snapshots of it, pinned or not."""
