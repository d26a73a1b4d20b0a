"""Benchmarks: one command, figures against a reference in the same run."""
