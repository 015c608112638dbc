"""The endpoints, a module per topic. Each has a `routes` that the site takes in."""
