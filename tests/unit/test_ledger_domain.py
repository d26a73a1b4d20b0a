"""What an event is worth in the books."""

from services.ledger.domain import (
    Account,
    Grant,
    Hold,
    SettledRun,
    Settlement,
    Usage,
    opening_grants,
    transfer_of_capture as capture,
)
from services.ledger.handlers import HANDLERS, SERVICE
from services.ledger.ports import Ports
from services.ledger.settings import Settings
from shared.envelope import new_id
from shared.errors import Problem
from shared.events import Event
from shared.topology import CONSUMERS
from tests.ledger_books import decide
from tests.ledger_events import RENDITION_BYTES, SOURCE_BYTES, Run

PORTS = Ports(opening_tokens=7)


async def rows_of(event: Event) -> list[object]:
    (outcome,) = await decide([event], PORTS)
    assert not outcome.emit
    return list(outcome.record)


async def test_a_priced_run_opens_its_account_and_asks_for_its_whole_price() -> None:
    run = Run("a", images_total=3, price_tokens=2, run=4)
    hold = Hold("a", run.job_id, 4, images_total=3, price_tokens=2)
    assert await rows_of(run.submitted()) == [Account("a", 7), hold]
    assert hold.amount == 6


async def test_a_run_without_a_price_only_opens_its_account() -> None:
    assert await rows_of(Run("a", price_tokens=0).submitted()) == [Account("a", 7)]


async def test_each_end_of_a_priced_image_settles_it_and_counts_in_the_meter() -> None:
    run = Run("a", images_total=2)
    settled = [Settlement(run.job_id, 1, image_id, "succeeded") for image_id in run.image_ids]
    assert await rows_of(run.enhanced(0)) == [
        Account("a"),
        settled[0],
        Usage("a", images_succeeded=1, source_bytes=SOURCE_BYTES, rendition_bytes=RENDITION_BYTES),
    ]
    assert await rows_of(run.failed(1)) == [
        Account("a"),
        Settlement(run.job_id, 1, run.image_ids[1], "failed"),
        Usage("a", images_failed=1),
    ]
    assert await rows_of(run.cancelled(0, 1)) == [
        Account("a"),
        *[Settlement(run.job_id, 1, image_id, "cancelled") for image_id in run.image_ids],
        Usage("a", images_cancelled=2),
    ]


async def test_an_image_without_a_price_only_counts_in_the_meter() -> None:
    run = Run("a", images_total=2, price_tokens=0)
    for event in (run.enhanced(), run.failed(), run.cancelled(0, 1)):
        assert [type(row) for row in await rows_of(event)] == [Usage]


def test_only_accounts_that_were_just_opened_get_the_opening_grant() -> None:
    seen = [Account("new"), Account("new", 5), Account("new"), Account("old", 5), Account("unpaid")]
    assert opening_grants({"new", "unpaid"}, seen) == [Grant("new", 5, "opening:new", "opening")]


def test_captures_of_different_images_have_different_keys() -> None:
    job_id, first, second = new_id(), new_id(), new_id()
    keys = {capture(SettledRun("a", job_id, 1, image, 1, 1, 0, 0)).key for image in (first, second)}
    assert len(keys) == 2


def test_the_ledger_handles_exactly_what_it_subscribes_to() -> None:
    assert set(HANDLERS) == set(CONSUMERS["ledger"])


def test_what_cannot_be_booked_stays_among_the_dead_letters() -> None:
    assert SERVICE.gave_up(Run("a").submitted(), Problem("internal_error"), 5) is None


def test_the_opening_grant_is_a_setting(monkeypatch) -> None:
    assert Settings().opening_tokens == 0
    monkeypatch.setenv("DARKROOM_LEDGER_OPENING_TOKENS", "100")
    assert Settings().opening_tokens == 100
