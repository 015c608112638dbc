"""Write batches: commands executed inside one transaction."""
