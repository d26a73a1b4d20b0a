"""The gateway's OpenAPI document, made from the routes alone: nothing is opened or started."""

from dataclasses import dataclass
from typing import Any, cast

from services.gateway.api.app import create_app
from services.gateway.ports import Ports
from services.gateway.settings import Settings


@dataclass(frozen=True)
class SettingsOnly:
    """As much of the gateway's ports as its routes ask for before the first request."""

    settings: Settings


def document() -> dict[str, Any]:
    """The document as data."""
    return create_app(cast(Ports, SettingsOnly(Settings()))).openapi()
