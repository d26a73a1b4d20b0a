"""Brings a submitted image's source bytes into the blob store."""
