"""Which event tells which change, and by which transfer it is made."""

from datetime import UTC, datetime
from uuid import UUID

from services.ledger import postings
from services.ledger.domain import ISSUANCE, REVENUE, Balance, Change, Grant, Hold, ReversedRun, SettledRun
from services.ledger.postings import IMAGES_TOLD_MAX
from shared.envelope import new_id
from shared.events import TokensCaptured, TokensDeclined, TokensGranted, TokensHeld, TokensVoided

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AFTER = Balance(posted=9, held=2, version=3, changed_at=NOW, regenerated_at=NOW)
TOLD = {"account_id": "a", "balance": 9, "held": 2, "account_version": 3, "changed_at": NOW, "regenerated_at": NOW}
JOB = new_id()


def images(count: int) -> list[UUID]:
    return [new_id() for _ in range(count)]


def test_a_grant_is_told_with_its_reason_and_note() -> None:
    given = Grant("a", 5, "grant:1", "purchase", JOB, "order 7")
    posting = postings.of_grant(given)
    assert posting.change == Change("a", posted=5)
    assert posting.told(AFTER) == TokensGranted(**TOLD, amount=5, reason="purchase", grant_id=JOB, note="order 7")
    transfer = postings.transfer_of_grant(given)
    assert (transfer.source, transfer.target, transfer.amount, transfer.note) == (ISSUANCE, "a", 5, "order 7")


def test_an_account_that_opens_empty_is_told_too() -> None:
    posting = postings.of_opening("a")
    assert posting.change == Change("a")
    assert posting.told(AFTER) == TokensGranted(**TOLD, amount=0, reason="opening")


def test_a_decision_about_a_run_is_told_either_way() -> None:
    hold = Hold("a", JOB, 2, images_total=3, price_tokens=4)
    held, declined = postings.of_hold(hold, True), postings.of_hold(hold, False)
    assert (held.change, declined.change) == (Change("a", held=12), Change("a"))
    assert held.told(AFTER) == TokensHeld(**TOLD, amount=12, job_id=JOB, run=2)
    assert declined.told(AFTER) == TokensDeclined(**TOLD, amount=12, job_id=JOB, run=2)


def test_each_result_of_a_run_is_told_apart_with_just_its_images() -> None:
    succeeded, failed, cancelled = images(3), images(1), images(2)
    run = SettledRun("a", JOB, 1, 5, succeeded, failed, cancelled)
    captured, *voided = postings.of_settled(run)
    assert captured.change == Change("a", posted=-15, held=-15)
    assert captured.told(AFTER) == TokensCaptured(**TOLD, amount=15, job_id=JOB, run=1, images=3)
    assert [posting.change for posting in voided] == [Change("a", held=-5), Change("a", held=-10)]
    about = {"job_id": JOB, "run": 1}
    assert [posting.told(AFTER) for posting in voided] == [
        TokensVoided(**TOLD, **about, amount=5, images=1, result="failed", image_ids=failed),
        TokensVoided(**TOLD, **about, amount=10, images=2, result="cancelled", image_ids=cancelled),
    ]


def test_an_event_names_no_more_images_than_it_may() -> None:
    failed = images(2 * IMAGES_TOLD_MAX + 1)
    parts = list(postings.of_settled(SettledRun("a", JOB, 1, 2, failed=failed)))
    assert [posting.amount for posting in parts] == [2 * IMAGES_TOLD_MAX, 2 * IMAGES_TOLD_MAX, 2]
    assert [image_id for posting in parts for image_id in posting.facts["image_ids"]] == failed
    assert [posting.change.held for posting in parts] == [-posting.amount for posting in parts]


def test_what_comes_back_is_told_as_voided_and_makes_a_transfer_per_image() -> None:
    run = ReversedRun("a", JOB, 1, 5, images(IMAGES_TOLD_MAX + 1))
    parts = list(postings.of_reversed(run))
    assert [posting.change for posting in parts] == [Change("a", posted=5 * IMAGES_TOLD_MAX), Change("a", posted=5)]
    assert {(posting.event, posting.facts["result"]) for posting in parts} == {(TokensVoided, "cancelled")}
    transfers = postings.transfers_of_refund(run)
    assert len({transfer.key for transfer in transfers}) == len(run.image_ids)
    assert {(each.source, each.target, each.amount, each.reason) for each in transfers} == {(REVENUE, "a", 5, "refund")}


def test_captures_of_different_images_have_different_keys() -> None:
    transfers = [postings.transfer_of_capture(SettledRun("a", JOB, 1, 5, [image])) for image in images(2)]
    assert len({transfer.key for transfer in transfers}) == 2
    assert {(each.source, each.target, each.amount) for each in transfers} == {("a", REVENUE, 5)}
