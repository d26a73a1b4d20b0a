"""The small common library: read events.py first."""
