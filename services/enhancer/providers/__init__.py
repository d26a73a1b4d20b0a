"""Analysers that are reached over HTTP; see `open_providers`."""

from services.enhancer.providers.opening import open_providers

__all__ = ["open_providers"]
