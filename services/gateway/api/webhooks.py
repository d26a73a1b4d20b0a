"""Webhooks: the log of what was sent for a request, sending again, and the secret that signs. Ours alone."""

import json
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.gateway import secrets
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.jobs import find_product_job
from services.gateway.api.problems import UNAUTHORIZED, UNKNOWN, ProblemRaised, conflict
from services.gateway.api.product_views import time_text
from services.gateway.domain import ENDED_STATES
from services.gateway.ports import Ports
from services.gateway.store import deliveries
from shared import outbox
from shared.envelope import new_id
from shared.events import WebhookRequested

router = APIRouter(tags=["webhooks"], prefix="/api/webhooks")


class AttemptView(BaseModel):
    """One attempt at delivering."""

    attempt: int
    attempted_at: str = Field(examples=["2026-11-21T03:57:36.691Z"])
    status: int | None = Field(description="the receiver's HTTP status")
    problem: str | None
    detail: str | None


class DeliveryView(BaseModel):
    """One message to one receiver."""

    delivery_id: str
    message_id: str = Field(description="the header webhook-id, the same at every attempt")
    url: str
    state: str = Field(description="pending, delivered or abandoned")
    next_attempt_at: str | None
    attempts: list[AttemptView]


class DeliveriesView(BaseModel):
    """A request's messages."""

    request_id: str
    webhook_url: str | None
    deliveries: list[DeliveryView]


class ResendView(BaseModel):
    """A message is sent again, as this delivery."""

    request_id: str = Field(examples=["01a1fc40-a233-74a1-9e9b-61c09a16c5cf"])
    delivery_id: str = Field(examples=["01a1fc41-0d3b-7c52-8f0e-5b8d3c6a9e17"])


class SecretView(BaseModel):
    """What an account's webhooks are signed by."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    previous_secret: str | None = Field(description="signs too, for 24 hours after a rotation")


@router.get("/secret", summary="The account's webhook secret", responses=UNAUTHORIZED)
async def secret(account_id: str = AccountOf, ports: Ports = PortsOf) -> SecretView:
    """Made at the first call; give it to the receiver to verify signatures with."""
    async with ports.database.transaction() as connection:
        return _secret_view(await secrets.current(connection, ports.seal, account_id), ports)


@router.post("/secret/rotate", summary="Make a new webhook secret", responses=UNAUTHORIZED)
async def rotate_secret(account_id: str = AccountOf, ports: Ports = PortsOf) -> SecretView:
    """The new and the old one both sign for 24 hours."""
    async with ports.database.transaction() as connection:
        found, posted = await secrets.rotate(connection, ports.seal, account_id)
    ports.relay.publish(posted)
    return _secret_view(found, ports)


def _secret_view(found: secrets.Secrets, ports: Ports) -> SecretView:
    opened = [ports.seal.open(sealed) for sealed in found.sealed]
    return SecretView(secret=opened[0], previous_secret=opened[1] if len(opened) > 1 else None)


@router.get("/{request_id}", summary="What was sent for a request", responses=UNKNOWN)
async def log(request_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> DeliveriesView:
    """Every message with its attempts, the oldest first."""
    job = await find_product_job(ports, account_id, request_id)
    async with ports.database.connection() as connection:
        rows = await deliveries.list_deliveries(connection, job["job_id"])
    return DeliveriesView(
        request_id=request_id,
        webhook_url=job["webhook_url"],
        deliveries=[
            DeliveryView(
                delivery_id=str(row["delivery_id"]),
                message_id=row["message_id"],
                url=row["url"],
                state=row["state"],
                next_attempt_at=time_text(row["next_attempt_at"]) if row["next_attempt_at"] else None,
                attempts=[_attempt_view(attempt) for attempt in json.loads(row["attempts"])],
            )
            for row in rows
        ],
    )


def _attempt_view(attempt: dict[str, Any]) -> AttemptView:
    return AttemptView(**{**attempt, "attempted_at": time_text(datetime.fromisoformat(attempt["attempted_at"]))})


@router.post(
    "/{request_id}/resend",
    status_code=202,
    summary="Send a request's webhook again",
    responses={**UNKNOWN, **conflict("Nothing to send yet")},
)
async def resend(request_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> ResendView:
    """A new delivery of the same message; it shows in the log after its first attempt."""
    job = await find_product_job(ports, account_id, request_id)
    if job["webhook_url"] is None:
        raise ProblemRaised(409, "the request has no webhook")
    if job["state"] not in ENDED_STATES:
        raise ProblemRaised(409, "the request has not ended")
    said = WebhookRequested(account_id=account_id, job_id=job["job_id"], delivery_id=new_id())
    async with ports.database.transaction() as connection:
        posted = await outbox.add(connection, [outbox.following(job["traceparent"], said, source="gateway")])
    ports.relay.publish(posted)
    return ResendView(request_id=request_id, delivery_id=str(said.delivery_id))
