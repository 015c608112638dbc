"""What tests of the server, and of anything that offers its interfaces, are made from."""
