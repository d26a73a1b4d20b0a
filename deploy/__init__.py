"""How Darkroom is run: locally, in containers."""
