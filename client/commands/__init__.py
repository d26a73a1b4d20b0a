"""The commands of ./darkroom, grouped by what they are about."""
