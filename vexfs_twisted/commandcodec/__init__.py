"""The encoding of commands for logs and files, which other versions of the server read."""
