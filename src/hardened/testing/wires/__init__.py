"""The wire formats of the providers: pure functions from a turn to an answer."""
