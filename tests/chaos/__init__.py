"""Processes are killed, messages doubled and shuffled; what must hold is in tests/invariants.py."""
