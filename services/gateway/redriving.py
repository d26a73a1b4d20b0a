"""What becomes of dead letters: back where they failed, or, where their failure was said, what others made of it.

An image whose failure was said has failed in the projection, the ledger and the exporter: running its old event again
would change nothing. It runs again as a retry, that is in a further run of its job.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from services.gateway.batches import restarting
from services.gateway.batches.control import NoSuchBatch, NotNow, TooManyActive
from services.gateway.ports import Ports
from services.gateway.store import operations
from shared import redriving
from shared.db import Row
from shared.dead_letters import DeadLetter
from shared.envelope import Unreadable, read
from shared.events import ImageEvent
from shared.redriving import Redriven, Verdict
from shared.topology import Subscription

LETTERS_MAX = 100_000
BACK = Verdict("back")
RETRIED = Verdict("settled", "image is tried again")
OUTDATED = Verdict("settled", "image was tried again since, has ended otherwise or is gone")
FAILED = Verdict("stays", "image has failed: retry it")
ON_ITS_WAY = Verdict("stays", "image's failure is not recorded yet")
SAID = Verdict("stays", "its failure was said: ask for it again")


async def redrive(ports: Ports, queues: Sequence[Subscription], *, problem: str | None, limit: int | None) -> Redriven:
    """Redrive the dead letters of these queues. Raises Closed."""

    async def judge(letters: Sequence[DeadLetter]) -> list[Verdict]:
        return await judged(ports, letters)

    letters_max = min(limit or LETTERS_MAX, LETTERS_MAX)
    return await redriving.redrive(ports.bus, queues, judge, problem=problem, letters_max=letters_max)


async def judged(ports: Ports, letters: Sequence[DeadLetter]) -> list[Verdict]:
    """What becomes of each letter; images that can run again do so from now on."""
    events = [_image_event(letter) if letter.told else None for letter in letters]
    told = [event for event in events if event is not None]
    known: dict[UUID, Row] = {}
    if told:
        async with ports.database.connection() as connection:
            known = {**await operations.list_images(connection, [event.image_id for event in told])}
    failed = [event for event in told if verdict_on(event, known.get(event.image_id)) is FAILED]
    retried = await _retry(ports, failed)
    return [_verdict(letter, event, known, retried) for letter, event in zip(letters, events, strict=True)]


def verdict_on(event: ImageEvent, image: Row | None) -> Verdict:
    """What becomes of an image's letter whose failure was said, by what the projection has of the image."""
    if image is None or image["run"] > event.run or image["state"] in ("succeeded", "cancelled"):
        return OUTDATED
    return FAILED if image["state"] == "failed" else ON_ITS_WAY


def _verdict(letter: DeadLetter, event: ImageEvent | None, known: dict[UUID, Row], retried: set[UUID]) -> Verdict:
    if not letter.told:
        return BACK
    if event is None:
        return SAID
    return RETRIED if event.image_id in retried else verdict_on(event, known.get(event.image_id))


def _image_event(letter: DeadLetter) -> ImageEvent | None:
    try:
        event = read(letter.body, letter.subscription.event.type).data
    except Unreadable:
        return None
    return event if isinstance(event, ImageEvent) else None


async def _retry(ports: Ports, failed: Sequence[ImageEvent]) -> set[UUID]:
    """Run failed images again, where they are of batches that have ended; returns which."""
    by_batch: dict[tuple[str, UUID], list[UUID]] = defaultdict(list)
    for event in failed:
        by_batch[event.account_id, event.job_id].append(event.image_id)
    retried: set[UUID] = set()
    for (account_id, job_id), image_ids in sorted(by_batch.items()):
        with suppress(NoSuchBatch, NotNow, TooManyActive):
            retried |= await restarting.retry_images(ports, account_id, job_id, sorted(set(image_ids)))
    return retried
