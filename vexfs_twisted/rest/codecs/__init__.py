"""What JSON bodies mean as values of the model, and how results are spelled in JSON."""
