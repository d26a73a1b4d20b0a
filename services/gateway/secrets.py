"""Webhook secrets: one per account, made on first use; the old one signs for another day after a rotation."""

import secrets
from dataclasses import dataclass

from services.gateway.store import deliveries
from shared import outbox
from shared.envelope import new_traceparent
from shared.events import SecretRotated
from shared.facts import Webhook
from shared.outbox import Posted
from shared.outcome import Connection
from shared.seal import Seal
from shared.webhook_secrets import new_secret

SECRET_BYTES = 24


@dataclass(frozen=True, slots=True)
class Secrets:
    """An account's secrets, the newest first, sealed."""

    version: int
    sealed: tuple[str, ...]


async def current(connection: Connection, seal: Seal, account_id: str) -> Secrets:
    """An account's secrets; the first one is made now if need be."""
    row = await deliveries.find_secrets(connection, account_id)
    if row is None:
        await deliveries.insert_secret(connection, account_id, _fresh(seal))
        row = await deliveries.find_secrets(connection, account_id)
    assert row is not None
    return Secrets(row["version"], tuple(filter(None, (row["sealed"], row["previous_sealed"]))))


async def rotate(connection: Connection, seal: Seal, account_id: str) -> tuple[Secrets, list[Posted]]:
    """Replace an account's secret; returns the secrets, and the event's letter to be published."""
    await current(connection, seal, account_id)
    await deliveries.rotate_secret(connection, account_id, _fresh(seal))
    found = await current(connection, seal, account_id)
    rotated = SecretRotated(account_id=account_id, version=found.version, secrets_sealed=found.sealed)
    return found, await outbox.add(connection, [outbox.following(new_traceparent(), rotated, source="gateway")])


async def webhook_for(
    connection: Connection, seal: Seal, account_id: str, url: str | None, own_secret_sealed: str | None
) -> Webhook | None:
    """The endpoint that a job's submission names, with what it signs by."""
    if url is None:
        return None
    if own_secret_sealed:
        return Webhook(url=url, secrets_sealed=(own_secret_sealed,), own_secret=True)
    found = await current(connection, seal, account_id)
    return Webhook(url=url, secrets_sealed=found.sealed, secrets_version=found.version)


def _fresh(seal: Seal) -> str:
    return seal.seal(new_secret(secrets.token_bytes(SECRET_BYTES)))
