"""A CSV of URLs becomes a batch, started at once where that is wanted: all in one transaction, or nothing at all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from services.gateway.batches import control, states
from services.gateway.batches.control import TooManyActive
from services.gateway.batches.rows import BatchRows, RowLimits, read_batch_csv
from services.gateway.idempotency import Answered, Keyed, claim_unless_running
from services.gateway.intake import Submission, accept
from services.gateway.ports import Ports
from services.gateway.store import batches, chunks
from services.gateway.store.batches import NewBatch
from shared.errors import DarkroomError
from shared.facts import Recipe
from shared.outbox import Posted
from shared.outcome import Connection

PIECE_BYTES = 1 << 18
CHUNKS_MAX = 10_000


class TooManyChunks(DarkroomError):
    """The chunk size divides so many URLs into too many chunks."""


@dataclass(frozen=True, slots=True)
class Order:
    """A batch as it is wanted. `starts`: at once. `file`: on disk already, so that nothing waits for a slow caller."""

    account_id: str
    name: str
    description: str | None
    recipe: Recipe
    chunk_size: int
    starts: bool
    webhook_url: str | None
    webhook_secret: str | None
    file_name: str
    file: BinaryIO


@dataclass(frozen=True, slots=True)
class Created:
    """A batch as it was created. `started` is None where that was not wanted, `refusal` says why it was not."""

    job_id: UUID
    name: str
    images_total: int
    chunk_size: int
    chunks_total: int
    started: bool | None
    refusal: str | None = None


Tell = Callable[[Created], Answered]
"""What is answered about a new batch."""


async def create(ports: Ports, order: Order, keyed: Keyed | None, tell: Tell) -> Answered:
    """Create a batch, once under its key. Raises InvalidCsv, TooManyChunks, KeyReused, StillRunning.

    Whatever is raised, nothing is left behind. A batch that cannot start, because its account has as many active ones
    as it may, is created all the same.
    """
    async with ports.database.transaction() as connection:
        claim = await claim_unless_running(connection, keyed) if keyed else None
        if isinstance(claim, Answered):
            return claim
        created, posted = await _created(connection, ports, order)
        answered = tell(created)
        if claim:
            await claim.answer(connection, answered.status, answered.body)
    ports.relay.publish(posted)
    return answered


async def _created(connection: Connection, ports: Ports, order: Order) -> tuple[Created, Sequence[Posted]]:
    rows = read_batch_csv(_pieces(order.file), limits=RowLimits(rows_max=ports.settings.csv_rows_max))
    job, posted = await accept(connection, ports, _submission(order, rows))
    job_id, images_total = job["job_id"], job["images_total"]
    chunks_total = states.chunks_needed(images_total, order.chunk_size)
    if chunks_total > CHUNKS_MAX:
        raise TooManyChunks(f"chunk_size makes {chunks_total:,} chunks; at most {CHUNKS_MAX:,} are allowed")
    new = NewBatch(
        job_id, order.account_id, order.name, order.description, order.chunk_size, chunks_total, rows.columns
    )
    await batches.insert_batch(connection, new)
    await chunks.insert_chunks(connection, job_id, images_total, order.chunk_size)
    started, refusal = await _started(connection, ports, order, job_id)
    return Created(job_id, order.name, images_total, order.chunk_size, chunks_total, started, refusal), posted


async def _started(connection: Connection, ports: Ports, order: Order, job_id: UUID) -> tuple[bool | None, str | None]:
    if not order.starts:
        return None, None
    try:
        await control.start_within(connection, order.account_id, job_id, ports.settings.batches_active_max)
    except TooManyActive as error:
        return False, str(error)
    return True, None


def _submission(order: Order, rows: BatchRows) -> Submission:
    return Submission(
        account_id=order.account_id,
        kind="batch",
        recipe=order.recipe,
        file_name=order.file_name,
        webhook_url=order.webhook_url,
        webhook_secret=order.webhook_secret,
        images=rows.images,
        name=order.name,
        columns=lambda: rows.columns,
        starts=False,
        has_no_repeats=True,
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece
