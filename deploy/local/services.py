"""The five services as programs: each a process of its own, with its own credentials in its environment."""

import os
import sys
from collections.abc import Mapping

from dotenv import dotenv_values

from deploy.local import postgres, rabbitmq
from deploy.local.ports import LOOPBACK
from deploy.local.programs import Program
from deploy.local.state import CHECKOUT, DEMO_SERVERS, SERVICES, Home, State

SEALING_SERVICES = ("gateway", "exporter")
"""Those that seal or open webhook secrets inside events."""

OF_THE_ENHANCER = tuple(
    f"{prefix}{name}"
    for prefix in ("", "DARKROOM_")
    for name in ("GOOGLE_VISION_API_KEYS", "GEMINI_API_KEY", "GEMINI_API_KEYS")
)
"""Keys of providers that it alone calls."""

OF_COMMANDS = ("DARKROOM_ADMIN_KEY", "DARKROOM_API_KEY")
"""What a user's commands call with; no service has a use for it."""


def users_settings() -> dict[str, str]:
    """What the user set for services: the environment, and .env below it."""
    found = {name: value or "" for name, value in dotenv_values(CHECKOUT / ".env").items()} | dict(os.environ)
    return {name: value for name, value in found.items() if name not in OF_COMMANDS}


def amqp_url(state: State) -> str:
    """The address of the broker, with its user and virtual host."""
    password, port = state.secrets["broker"], state.ports["amqp"]
    return f"amqp://{rabbitmq.USER}:{password}@{LOOPBACK}:{port}/{rabbitmq.VIRTUAL_HOST}"


def management_url(state: State) -> str:
    """The address of the broker's management page and API."""
    return f"http://{LOOPBACK}:{state.ports['management']}"


def gateway_url(state: State) -> str:
    """The address of the HTTP API and the dashboard."""
    return f"http://{LOOPBACK}:{state.ports['gateway']}"


def defaults(home: Home, state: State, service: str) -> dict[str, str]:
    """What a service gets unless the user says otherwise."""
    chosen = {
        "DARKROOM_BLOBS_URL": home.blobs.as_uri(),
        "DARKROOM_PUBLIC_URL": gateway_url(state),
        "DARKROOM_GATEWAY_HOST": LOOPBACK,
        "DARKROOM_ANONYMOUS": "true",
    }
    return chosen | ({"DARKROOM_SECRET_KEY": state.secrets["seal"]} if service in SEALING_SERVICES else {})


def openings(state: State, user: Mapping[str, str]) -> str:
    """Where fetching and webhooks may go on this machine: to the demo's two ports, and where the user says."""
    demo = [f"{LOOPBACK}/32:{state.ports[name]}" for name in DEMO_SERVERS]
    return ",".join(filter(None, [user.get("DARKROOM_FETCH_ALLOW"), *demo]))


def addresses(home: Home, state: State, service: str) -> dict[str, str]:
    """What belongs to this stack: another broker or database of the user's shell is not meant for it."""
    own = {
        "DARKROOM_ADMIN_KEY_FILE": str(home.admin_key_file),
        "DARKROOM_RABBITMQ_MANAGEMENT_URL": management_url(state),
    }
    return (own if service == "gateway" else {}) | {
        "DARKROOM_HOME": str(home.folder),
        "DARKROOM_AMQP_URL": amqp_url(state),
        "DARKROOM_POSTGRES_URL": postgres.url(state, service),
        "DARKROOM_HEALTH_PORT": "0" if service == "gateway" else str(state.ports[service]),
        "DARKROOM_GATEWAY_PORT": str(state.ports["gateway"]),
        "DARKROOM_STACK_MARK": state.mark,
    }


def environment(home: Home, state: State, service: str, user: Mapping[str, str]) -> dict[str, str]:
    """A service's environment: the stack's addresses, over the user's settings, over the stack's defaults."""
    allowed = {"DARKROOM_FETCH_ALLOW": openings(state, user)}
    meant = {name: value for name, value in user.items() if service == "enhancer" or name not in OF_THE_ENHANCER}
    return defaults(home, state, service) | meant | allowed | addresses(home, state, service)


def programs(home: Home, state: State, extra: Mapping[str, str]) -> list[Program]:
    """The five services; `extra` settings win over everything."""
    user = users_settings()
    return [
        Program(
            name=service,
            command=(sys.executable, "-m", f"services.{service}.main"),
            environment=environment(home, state, service, user) | dict(extra),
            folder=CHECKOUT,
            rank=2,
            port=state.ports[service],
        )
        for service in SERVICES
    ]
