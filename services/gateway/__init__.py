"""The front doors: HTTP in, job events out, status from a projection."""
