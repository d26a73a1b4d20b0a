"""Five independent services that speak only through events."""
