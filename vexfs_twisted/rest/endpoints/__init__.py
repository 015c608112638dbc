"""The endpoints, a module per topic. Each module has a `routes`, which the site registers."""
