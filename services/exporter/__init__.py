"""Everything that leaves: result files and signed webhooks."""
