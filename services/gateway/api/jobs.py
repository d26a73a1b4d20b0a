"""Finding the job that a request names."""

from uuid import UUID

import asyncpg

from services.gateway.api.problems import Refused
from services.gateway.ports import Ports
from services.gateway.store import jobs


def not_found(request_id: str) -> Refused:
    """The same answer for what does not exist, is malformed, or is another account's."""
    return Refused(404, f"Request with ID {request_id} not found")


def parse_id(request_id: str) -> UUID:
    """A job's id; raises the door's 404."""
    try:
        parsed = UUID(request_id)
    except ValueError:
        raise not_found(request_id) from None
    if str(parsed) != request_id.lower():
        raise not_found(request_id)
    return parsed


async def find_product_job(ports: Ports, account_id: str, request_id: str) -> asyncpg.Record:
    """A products job of the account; raises the door's 404."""
    async with ports.database.connection() as connection:
        job = await jobs.find_job(connection, account_id, parse_id(request_id))
    if job is None or job["kind"] != "products":
        raise not_found(request_id)
    return job
