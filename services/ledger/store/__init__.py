"""The ledger's SQL: one function, one statement. Callers lock accounts first; constraints guard what they forget."""
