"""Submitting a product CSV from the command line, so that running the same command again does no harm."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from client.answers import Accepted, Delivery, Options, Status
from client.batch_answers import BatchOptions, Created
from client.batches import Batches
from client.gateway import FileFormat, Gateway
from deploy.local.identity import wait_until

DELIVERY_SECONDS_MAX = 10
CLOCK_SECONDS = 2
"""HTTP dates are whole seconds."""


@dataclass(frozen=True)
class Submitted:
    """A request, and whether it is one that was made by the same command before."""

    accepted: Accepted
    status: Status
    was_there: bool


def submit(gateway: Gateway, csv: Path, options: Options, *, again: bool = False) -> Submitted:
    """Upload a file; within a day the same file with the same options finds its request again, unless `again`."""
    key = f"submit-{uuid4()}" if again else f"submit-{digest_of(csv, options.fields())}"
    started = time.monotonic()
    accepted = gateway.upload(csv, options, idempotency_key=key)
    took_seconds = time.monotonic() - started
    status = gateway.status(accepted.request_id)
    return Submitted(accepted, status, was_there=is_older(status.created_at, accepted.answered_at, took_seconds))


@dataclass(frozen=True)
class Analyzed:
    """A batch, and whether it is one that was made by the same command before."""

    created: Created
    was_there: bool


def analyze(gateway: Batches, csv: Path, options: BatchOptions, *, again: bool = False) -> Analyzed:
    """Make a batch of a file; within a day the same file with the same options finds its batch, unless `again`."""
    key = f"analyze-{uuid4()}" if again else f"analyze-{digest_of(csv, options.fields())}"
    started = time.monotonic()
    created = gateway.create(csv, options, idempotency_key=key)
    took_seconds = time.monotonic() - started
    created_at = gateway.batch(created.batch_id).created_at
    return Analyzed(created, was_there=is_older(created_at, created.answered_at, took_seconds))


def digest_of(csv: Path, fields: Mapping[str, str]) -> str:
    """What stands for a file's name and content and the fields sent with it, in an Idempotency-Key."""
    digest = hashlib.sha256(json.dumps([csv.name, fields], sort_keys=True).encode())
    with csv.open("rb") as file:
        content = hashlib.file_digest(file, "sha256")
    digest.update(content.digest())
    return digest.hexdigest()


def is_older(created_at: datetime, answered_at: datetime | None, took_seconds: float) -> bool:
    """Whether something was made before it was asked for just now, all by the gateway's own clock."""
    if answered_at is None:
        return False
    age_seconds = (answered_at - created_at).total_seconds()
    return age_seconds > took_seconds + CLOCK_SECONDS


def save_results(gateway: Gateway, request_id: str, folder: Path, formats: Sequence[FileFormat]) -> list[Path]:
    """Save the result files in a folder, which is made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return [gateway.download(request_id, each, folder) for each in formats]


def await_delivery(gateway: Gateway, request_id: str) -> Delivery | None:
    """The latest webhook message of an ended request after its first attempt; None when there was none in 10 s."""
    found: list[Delivery] = []

    def is_tried() -> bool:
        found[:] = gateway.deliveries(request_id)[-1:]
        return bool(found and found[0].attempts)

    wait_until(is_tried, DELIVERY_SECONDS_MAX)
    return found[0] if found else None
