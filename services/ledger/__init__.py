"""Tokens: grants, holds, captures and voids in append-only double entry; the usage meter."""
