"""Contract suites, test doubles and test values for every provider of the interfaces."""
