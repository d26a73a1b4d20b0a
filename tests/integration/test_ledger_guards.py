"""What the ledger's tables refuse whatever the code above them does, and what an auditor would find."""

from uuid import uuid4

import asyncpg
import pytest

from services.ledger.domain import Terms
from services.ledger.invariants import find_violations
from shared.regeneration import Regeneration
from tests.ledger_books import hear
from tests.ledger_events import Run

pytest_plugins = ("tests.ledger_database",)

OFF = Regeneration(seconds=0)
TERMS = Terms(OFF, opening_tokens=10)


@pytest.fixture
async def run(ledger) -> Run:
    """A run of three images at 2 tokens: held 6 of 10, one image captured, one voided."""
    run = Run(f"account-{uuid4()}", images_total=3, price_tokens=2)
    await hear(ledger, TERMS, run.submitted())
    await hear(ledger, TERMS, run.enhanced(0), run.failed(1))
    return run


OPEN_HOLD = """
    INSERT INTO holds (job_id, run, account_id, images_total, price_tokens, amount, captured, state)
    SELECT gen_random_uuid(), 1, account_id, {} FROM accounts WHERE NOT system LIMIT 1
"""

REFUSED = {
    "entries_changed": ("UPDATE entries SET amount = 1", "append-only"),
    "entries_deleted": ("DELETE FROM entries", "append-only"),
    "entries_emptied": ("TRUNCATE entries", "append-only"),
    "transfers_changed": ("UPDATE transfers SET note = ''", "append-only"),
    "transfers_deleted": ("DELETE FROM transfers", "append-only"),
    "transfers_emptied": ("TRUNCATE transfers CASCADE", "transfers is append-only"),
    "holds_deleted": ("DELETE FROM holds", "append-only"),
    "holds_emptied": ("TRUNCATE holds", "append-only"),
    "settlements_deleted": ("DELETE FROM settlements", "append-only"),
    "settlements_emptied": ("TRUNCATE settlements", "append-only"),
    "more_held_than_posted": (
        "UPDATE accounts SET held = posted + 1, version = version + 1 WHERE NOT system",
        "accounts_held_within_posted",
    ),
    "less_than_nothing_held": (
        "UPDATE accounts SET held = -1, version = version + 1 WHERE NOT system",
        "accounts_held_within_posted",
    ),
    "a_system_balance": (
        "UPDATE accounts SET posted = 1, version = version + 1 WHERE system",
        "accounts_system_keeps_no_balance",
    ),
    "a_system_clock": ("UPDATE accounts SET regenerated_at = now() WHERE system", "accounts_system_has_no_clock"),
    "an_account_without_a_clock": (
        "UPDATE accounts SET regenerated_at = NULL WHERE NOT system",
        "accounts_system_has_no_clock",
    ),
    "an_account_opened_again": ("INSERT INTO accounts SELECT * FROM accounts", "accounts_pkey"),
    "a_version_of_the_past": ("UPDATE accounts SET version = version - 1", "can only go forward"),
    "a_clock_that_goes_back": ("UPDATE accounts SET regenerated_at = regenerated_at - interval '1 s'", "go forward"),
    "tokens_without_a_version": ("UPDATE accounts SET posted = posted + 1 WHERE NOT system", "can only go forward"),
    "a_hold_without_a_version": ("UPDATE accounts SET held = posted - held WHERE posted > held", "can only go forward"),
    "a_transfer_made_again": (
        "INSERT INTO transfers (transfer_key, reason) SELECT transfer_key, 'bonus' FROM transfers",
        "transfers_once",
    ),
    "a_transfer_for_no_reason": (
        "INSERT INTO transfers (transfer_key, reason) VALUES ('one', 'gift')",
        "transfers_reason",
    ),
    "a_capture_for_no_run": (
        "INSERT INTO transfers (transfer_key, reason) VALUES ('one', 'capture')",
        "transfers_of_runs",
    ),
    "a_refund_for_no_run": (
        "INSERT INTO transfers (transfer_key, reason, job_id) VALUES ('one', 'refund', gen_random_uuid())",
        "transfers_of_runs",
    ),
    "a_bonus_for_a_run": (
        "INSERT INTO transfers (transfer_key, reason, job_id, run) VALUES ('one', 'bonus', gen_random_uuid(), 1)",
        "transfers_of_runs",
    ),
    "a_transfer_of_nothing": (
        "INSERT INTO transfers (transfer_key, reason) VALUES ('one', 'bonus')",
        "do not sum to zero",
    ),
    "a_single_entry_later": (
        "INSERT INTO entries SELECT transfer_id, 'system:issuance', -1 FROM transfers WHERE reason = 'capture' LIMIT 1",
        "do not sum to zero",
    ),
    "an_entry_that_moves_nothing": (
        "INSERT INTO entries SELECT transfer_id, 'system:issuance', 0 FROM transfers WHERE reason = 'capture' LIMIT 1",
        "entries_move_something",
    ),
    "a_second_entry_of_an_account": ("INSERT INTO entries SELECT * FROM entries", "entries_pkey"),
    "an_entry_of_nobody": (
        "INSERT INTO entries SELECT transfer_id, 'nobody', 1 FROM transfers LIMIT 1",
        "entries_account_id_fkey",
    ),
    "an_entry_of_no_transfer": ("INSERT INTO entries VALUES (0, 'system:revenue', 1)", "entries_transfer_id_fkey"),
    "a_hold_of_nobody": (
        "INSERT INTO holds (job_id, run, account_id, images_total, price_tokens, amount, state) "
        "VALUES (gen_random_uuid(), 1, 'nobody', 1, 1, 1, 'held')",
        "holds_account_id_fkey",
    ),
    "a_run_held_again": ("INSERT INTO holds SELECT * FROM holds", "holds_one_per_run"),
    "a_run_without_a_price": (OPEN_HOLD.format("1, 0, 0, 0, 'settled'"), "holds_amount"),
    "a_run_of_less_than_nothing": (OPEN_HOLD.format("-1, 1, -1, 0, 'declined'"), "holds_amount"),
    "a_hold_of_another_amount": (OPEN_HOLD.format("2, 2, 5, 0, 'held'"), "holds_amount"),
    "a_declined_run_captured": (OPEN_HOLD.format("2, 2, 4, 2, 'declined'"), "holds_state"),
    "a_run_in_no_state": (OPEN_HOLD.format("2, 2, 4, 2, 'lost'"), "holds_state"),
    "a_run_held_when_it_is_settled": (OPEN_HOLD.format("2, 2, 4, 4, 'held'"), "holds_state"),
    "more_captured_than_held": ("UPDATE holds SET captured = amount + 1", "holds_state"),
    "less_than_nothing_captured": ("UPDATE holds SET captured = -1, voided = captured + voided + 1", "holds_state"),
    "less_than_nothing_voided": ("UPDATE holds SET voided = -1, captured = captured + voided + 1", "holds_state"),
    "a_run_settled_early": ("UPDATE holds SET state = 'settled' WHERE state = 'held'", "holds_state"),
    "a_run_of_another_size": (
        "UPDATE holds SET images_total = images_total + 1, amount = amount + price_tokens WHERE state = 'held'",
        "the terms of",
    ),
    "a_run_of_another_account": ("UPDATE holds SET account_id = 'system:revenue'", "the terms of"),
    "a_held_run_declined": (
        OPEN_HOLD.format("2, 2, 4, 0, 'held'")
        + "; UPDATE holds SET state = 'declined' WHERE state = 'held' AND captured + voided = 0",
        "the terms of",
    ),
    "a_run_settled_less_than_before": ("UPDATE holds SET captured = 0 WHERE state = 'held'", "the terms of"),
    "an_image_settled_again": (
        "INSERT INTO settlements SELECT image_id, run, job_id, result, amount FROM settlements",
        "settlements_once",
    ),
    "an_image_that_ends_nohow": (
        "INSERT INTO settlements SELECT gen_random_uuid(), run, job_id, 'lost', amount FROM settlements",
        "settlements_result",
    ),
    "an_image_that_costs_less_than_nothing": (
        "INSERT INTO settlements SELECT gen_random_uuid(), run, job_id, result, -1 FROM settlements",
        "settlements_amount",
    ),
    "a_failed_image_cancelled": ("UPDATE settlements SET result = 'cancelled' WHERE result = 'failed'", "stands"),
    "a_failed_image_paid_for": ("UPDATE settlements SET result = 'succeeded' WHERE result = 'failed'", "stands"),
    "a_paid_image_failed": ("UPDATE settlements SET result = 'failed' WHERE result = 'succeeded'", "stands"),
    "an_image_that_costs_more_later": (
        "UPDATE settlements SET result = 'cancelled', amount = amount + 1 WHERE result = 'succeeded'",
        "stands",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_the_tables_refuse(ledger, run, name) -> None:
    statement, reason = REFUSED[name]
    with pytest.raises(asyncpg.PostgresError, match=reason):
        async with ledger.transaction() as connection:
            await connection.execute(statement)


async def test_more_images_than_were_paid_for_change_nothing(ledger, run) -> None:
    await hear(ledger, TERMS, run.enhanced(2))
    surplus = Run(run.account_id, 1, 2, job_id=run.job_id)
    async with ledger.connection() as connection:
        before = await connection.fetchrow("SELECT * FROM accounts WHERE account_id = $1", run.account_id)
    with pytest.raises(asyncpg.CheckViolationError):
        await hear(ledger, TERMS, surplus.enhanced())
    async with ledger.connection() as connection:
        assert before == await connection.fetchrow("SELECT * FROM accounts WHERE account_id = $1", run.account_id)


FORGED = {
    "UPDATE accounts SET posted = posted + 1 WHERE NOT system": "account",
    "UPDATE accounts SET held = held + 1 WHERE NOT system AND held < posted": "account",
    "UPDATE accounts SET regenerated_at = now() + interval '1 min' WHERE NOT system": "account",
    "UPDATE holds SET captured = captured - 1, voided = voided + 1 WHERE captured > 0": "hold",
    "UPDATE holds SET images_total = images_total + 1, amount = amount + price_tokens WHERE state = 'held'": "account",
    "UPDATE settlements SET result = 'failed'": "hold",
    "DELETE FROM settlements": "hold",
    "DELETE FROM holds": "hold",
    "UPDATE entries SET amount = amount * 2 WHERE amount > 0": "transfer",
    "DELETE FROM entries": "transfer",
    "UPDATE transfers SET reason = 'refund' WHERE reason = 'capture'": "transfer",
    "UPDATE transfers SET reason = 'capture', job_id = gen_random_uuid(), run = 1 WHERE reason = 'opening'": "hold",
    "DELETE FROM transfers WHERE reason = 'capture'": "hold",
}


@pytest.mark.parametrize("forgery", FORGED)
async def test_an_auditor_finds(ledger, run, forgery) -> None:
    async with ledger.connection() as connection:
        attempt = connection.transaction()
        await attempt.start()
        try:
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(forgery)
            found = await find_violations(connection)
        finally:
            await attempt.rollback()
        assert [sentence for sentence in found if sentence.startswith(FORGED[forgery])]
        assert await find_violations(connection) == []
