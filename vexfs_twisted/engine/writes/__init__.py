"""Write batches: commands carried out inside one transaction."""
