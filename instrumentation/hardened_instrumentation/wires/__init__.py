"""Wire formats: pure functions from a provider's JSON to the neutral words of `calls`, one module for each format."""
