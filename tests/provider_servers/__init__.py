"""Stand-ins for Cloud Vision and Gemini: a real HTTP server that speaks both, and misbehaves when it is told to."""

from tests.provider_servers.behaviours import ANSWERS, Behaviour
from tests.provider_servers.server import Call, ProviderServer, provider_server

__all__ = ["ANSWERS", "Behaviour", "Call", "ProviderServer", "provider_server"]
