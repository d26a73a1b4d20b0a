"""The addresses of a stack, for those who talk to it from outside."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local import postgres, rabbitmq, services
from deploy.local.state import DEMO_SERVERS, SERVICES, Home, State


@dataclass(frozen=True)
class Urls:
    """Addresses of a stack, passwords included. `postgres`: by service; `demo_ports`: by server."""

    gateway: str
    amqp: str
    management: str
    management_user: str
    management_password: str
    postgres: Mapping[str, str]
    postgres_owner: str
    blobs: str
    demo_ports: Mapping[str, int]

    @classmethod
    def of(cls, home: Home, state: State) -> "Urls":
        """The addresses that a state stands for."""
        return cls(
            gateway=services.gateway_url(state),
            amqp=services.amqp_url(state),
            management=services.management_url(state),
            management_user=rabbitmq.USER,
            management_password=state.secrets["broker"],
            postgres={service: postgres.url(state, service) for service in SERVICES},
            postgres_owner=postgres.url(state),
            blobs=home.blobs.as_uri(),
            demo_ports={name: state.ports[name] for name in DEMO_SERVERS},
        )
