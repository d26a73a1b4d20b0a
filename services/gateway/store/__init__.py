"""The gateway's SQL: one function, one statement."""
