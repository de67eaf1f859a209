"""`firmlight doctor`."""
