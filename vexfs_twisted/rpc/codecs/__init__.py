"""Messages to model values and back, one module a topic."""
