"""Enhancing uploads: what is asked for becomes one paid job, its rows all there before the answer.

Uploads are locked while it is decided which of them need it, so that calls at the same time see one another. Then the
ledger's decision is awaited on the projection: held, declined, or none in time, and then the job is cancelled.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from uuid import UUID

from services.gateway import idempotency, intake
from services.gateway.album_tiers import IN_FLIGHT_MAX, recipe_of
from services.gateway.deciding import Enhancement, Unit, decision
from services.gateway.idempotency import Answered, Bound, Claim, Keyed
from services.gateway.intake import Door, NewImage, Submission
from services.gateway.ports import Ports
from services.gateway.store import album_jobs, balances
from shared.errors import DarkroomError
from shared.outbox import Posted
from shared.outcome import Connection
from shared.prices import Tier

OK = 200

SpendSource = Literal["album_batch_enhancement", "batch_enhancement", "image_enhancement", "image_upload_enhancement"]
"""What the statement calls the way in."""


class NoSuchUpload(DarkroomError):
    """The account has not all of these uploads."""


class TooMany(DarkroomError):
    """More images are to be enhanced than one request may."""

    def __init__(self, total: int, to_enhance: int) -> None:
        super().__init__(f"{to_enhance} images")
        self.total = total
        self.to_enhance = to_enhance


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for; uploads in their order.

    album_id: where they are an album's, of which some may have gone meanwhile. reference_start: see intake.Door.
    """

    account_id: str
    upload_ids: Sequence[UUID]
    tier: Tier
    source: SpendSource
    provider: str = "local"
    album_id: UUID | None = None
    reference_start: str | None = None
    skips_enhanced: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an order would cost now."""

    total: int
    to_enhance: int
    cost: int
    available: int


FindOrder = Callable[[Connection], Awaitable[Order]]
"""Finds out what is asked for, in the transaction that accepts it; may refuse by raising."""


async def enhance_uploads(
    ports: Ports, account_id: str, upload_ids: Sequence[UUID], tier: Tier, keyed: Keyed | None = None
) -> Enhancement:
    """Have uploads enhanced by themselves, whatever was made of them before. Raises as `enhance`."""
    order = Order(account_id, upload_ids, tier, "image_enhancement")

    async def known(_: Connection) -> Order:
        return order

    return await enhance(ports, known, keyed)


async def enhance(ports: Ports, find_order: FindOrder, keyed: Keyed | None = None) -> Enhancement:
    """Accept an order and await its decision; under a key that was used for the same request, answer as then.

    Raises what find_order raises, NoSuchUpload, TooMany, Declined, NotDecided, KeyReused.
    """
    async with ports.database.transaction() as connection:
        claim = await idempotency.claim_within(connection, keyed) if keyed else None
        posted: Sequence[Posted] = ()
        accepted: Enhancement | UUID
        match claim:
            case Answered(body=facts):
                accepted = _remembered(facts)
            case Bound(job_id=job_id):
                accepted = job_id
            case _:
                accepted, posted = await _accept(connection, ports, await find_order(connection), claim)
    ports.relay.publish(posted)
    return accepted if isinstance(accepted, Enhancement) else await decision(ports, accepted)


async def estimate(ports: Ports, find_order: FindOrder) -> Estimate:
    """What an order would cost; nothing changes. Raises what find_order raises, NoSuchUpload, TooMany."""
    async with ports.database.transaction() as connection:
        order = await find_order(connection)
        plan = await _plan(connection, ports, order)
        price = ports.prices.price_of("album", order.tier)
        return Estimate(plan.total, len(plan.to_do), price * len(plan.to_do), plan.available)


@dataclass(frozen=True, slots=True)
class _Plan:
    total: int
    to_do: Sequence[tuple[UUID, str]]  # upload, name
    available: int
    running: Sequence[Unit] = field(default_factory=tuple)

    @property
    def skipped(self) -> int:
        return self.total - len(self.to_do)


async def _plan(connection: Connection, ports: Ports, order: Order) -> _Plan:
    rows = await album_jobs.lock_uploads(connection, order.account_id, order.upload_ids)
    names = {row["upload_id"]: row["name"] for row in rows}
    if len(names) < len(order.upload_ids) and order.album_id is None:
        raise NoSuchUpload
    asked = [upload_id for upload_id in order.upload_ids if upload_id in names]
    found = await album_jobs.list_enhanced(connection, asked, order.tier)
    running = {row["upload_id"]: row["running_id"] for row in found if row["running_id"]}
    skipped = {row["upload_id"] for row in found if order.skips_enhanced} | running.keys()
    to_do = [(upload_id, names[upload_id]) for upload_id in asked if upload_id not in skipped]
    if len(to_do) > ports.settings.album_images_max:
        raise TooMany(len(asked), len(to_do))
    units = [Unit(str(upload_id), str(image_id)) for upload_id, image_id in running.items()]
    return _Plan(len(asked), to_do, await _available(connection, order.account_id), units)


async def _available(connection: Connection, account_id: str) -> int:
    found = await balances.find_balance(connection, account_id)
    return found["posted"] - found["held"] if found else 0


async def _accept(
    connection: Connection, ports: Ports, order: Order, claim: Claim | None
) -> tuple[Enhancement | UUID, Sequence[Posted]]:
    plan = await _plan(connection, ports, order)
    if not plan.to_do:
        nothing = Enhancement(plan.total, plan.skipped, 0, plan.available, running=plan.running)
        if claim:
            await claim.answer(connection, OK, asdict(nothing))
        return nothing, ()
    job, posted = await intake.accept(connection, ports, _submission(ports, order, plan))
    if claim:
        await claim.bind(connection, job["job_id"])
    return job["job_id"], posted


def _submission(ports: Ports, order: Order, plan: _Plan) -> Submission:
    start = f"{ports.settings.public_url}/api/images"

    def read() -> Iterator[NewImage]:
        for item, (upload_id, name) in enumerate(plan.to_do, start=1):
            yield item, upload_id, name, 0, 1, f"{start}/{upload_id}/original"

    facts: dict[str, Any] = {"source": order.source, "total_images": plan.total, "skipped": plan.skipped}
    if not ports.prices.price_of("album", order.tier):
        facts["new_balance"] = plan.available
    return Submission(
        account_id=order.account_id,
        kind="album",
        recipe=recipe_of(order.tier, order.provider),
        file_name="",
        webhook_url=None,
        webhook_secret=None,
        images=read,
        door=Door(
            tier=order.tier,
            album_id=order.album_id,
            upload_ids=[upload_id for upload_id, _ in plan.to_do],
            reference_start=order.reference_start,
            in_flight_max=IN_FLIGHT_MAX,
            facts=facts,
        ),
    )


def _remembered(facts: dict[str, Any]) -> Enhancement:
    running = [Unit(**each) for each in facts["running"]]
    return Enhancement(**{**facts, "units": (), "running": running})
