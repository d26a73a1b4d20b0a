"""Submitting a product CSV from the command line, so that running the same command again does no harm."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from client.answers import Accepted, Delivery, Options, Status
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
    key = f"submit-{uuid4()}" if again else key_of(csv, options)
    started = time.monotonic()
    accepted = gateway.upload(csv, options, idempotency_key=key)
    took_seconds = time.monotonic() - started
    status = gateway.status(accepted.request_id)
    return Submitted(accepted, status, was_there=_is_older(status, accepted, took_seconds))


def key_of(csv: Path, options: Options) -> str:
    """An Idempotency-Key that stands for a file's name and content, and the options."""
    digest = hashlib.sha256(json.dumps([csv.name, options.fields()], sort_keys=True).encode())
    with csv.open("rb") as file:
        content = hashlib.file_digest(file, "sha256")
    digest.update(content.digest())
    return f"submit-{digest.hexdigest()}"


def _is_older(status: Status, accepted: Accepted, took_seconds: float) -> bool:
    """Whether the request was made before it was asked for just now, all by the gateway's own clock."""
    if accepted.answered_at is None:
        return False
    age_seconds = (accepted.answered_at - status.created_at).total_seconds()
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
