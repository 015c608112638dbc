"""What is told of calls: a line of the log for each, and figures over all."""
