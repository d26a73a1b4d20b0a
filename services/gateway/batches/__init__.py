"""Batches: what callers do with them, each in one transaction with its events."""
