"""Runs recipes on sources: local engines in sandboxed workers."""
