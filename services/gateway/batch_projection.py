"""The projection of batches: chunks' counters, what each image showed, how often which problem was met.

Called beside the images' own recording, for images that have just ended, while their jobs are locked.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.gateway.store import batches, chunks, results
from services.gateway.store.batches import ResultCounts
from services.gateway.store.chunks import ChunkProgress
from services.gateway.store.results import Result
from shared.outcome import Connection


class Ended(NamedTuple):
    """An image that has just ended: its place in its job, how it ended, what came of it where that is told."""

    job_id: UUID
    seq: int
    state: str
    result: Result | None = None


async def record_ended(connection: Connection, ended: Sequence[Ended]) -> None:
    """Count those images that are a batch's, and keep what came of them."""
    sizes = await batches.list_chunk_sizes(connection, sorted({image.job_id for image in ended}))
    of_batches = [image for image in ended if image.job_id in sizes]
    if not of_batches:
        return
    progress: dict[tuple[UUID, int], ChunkProgress] = defaultdict(ChunkProgress)
    for image in of_batches:
        chunk = progress[image.job_id, image.seq // sizes[image.job_id] + 1]
        setattr(chunk, image.state, getattr(chunk, image.state) + 1)
    await chunks.add_progress(connection, progress)
    if found := [image.result for image in of_batches if image.result]:
        await _record_results(connection, found)


async def _record_results(connection: Connection, found: Sequence[Result]) -> None:
    counts: dict[UUID, ResultCounts] = defaultdict(ResultCounts)
    problems: dict[tuple[UUID, str], int] = defaultdict(int)
    for earlier in await results.list_earlier(connection, [result.image_id for result in found]):
        _count(counts[earlier["job_id"]], earlier["success"], earlier["store_image"], -1)
    for result in found:
        _count(counts[result.job_id], result.success, result.store_image, 1)
        if result.problem:
            problems[result.job_id, result.problem] += 1
    await results.upsert_results(connection, sorted(found, key=lambda result: result.image_id))
    await batches.add_results(connection, counts)
    if problems:
        await batches.add_problems(connection, problems)


def _count(counts: ResultCounts, success: bool, store_image: bool, change: int) -> None:
    if success:
        counts.succeeded += change
    else:
        counts.failed += change
    counts.store_images += change * store_image
