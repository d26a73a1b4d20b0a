"""Documents that are made from the code: `python -m docs.generate` writes them, a test notices when they are stale."""
