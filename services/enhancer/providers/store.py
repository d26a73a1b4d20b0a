"""SQL over providers' keys: their slots, what they are allowed at present, and what was used.

All replicas share the budget, by the database's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.enhancer.providers.keys import Key
from shared.outcome import Connection

SLOWED_FACTOR = 0.5
SUCCESS_RAISES_BY = 0.5
"""A window of successes makes half as many more possible: slow enough to find a provider's limit without a storm."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A request that may be made with a key; taken_until says whose it is while it is under way."""

    key_digest: bytes
    slot: int
    taken_at: datetime
    taken_until: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """When there will be room.

    keys: that are not refused; allowance: of all of them in a window; seconds: until one has room.
    refused_seconds: until the first of the refused ones is tried again.
    """

    keys: int
    allowance: int
    seconds: float
    refused_seconds: float


async def insert_keys(connection: Connection, keys: Sequence[Key], requests_max: int) -> None:
    """Make the keys known. One that was refused is tried again; a lowered allowance stays lowered."""
    ordered = sorted(keys, key=lambda key: key.digest)
    await connection.execute(
        """
        INSERT INTO provider_keys AS known (digest, provider, hint, allowance)
        SELECT digest, provider, hint, $4 FROM unnest($1::bytea[], $2::text[], $3::text[]) AS t (digest, provider, hint)
        ON CONFLICT (digest) DO UPDATE
        SET refused_until = CASE WHEN known.refused_until IS NOT NULL THEN 'epoch'::timestamptz END,
            allowance = least(known.allowance, excluded.allowance),
            configured_at = now()
        """,
        [key.digest for key in ordered],
        [key.provider for key in ordered],
        [key.hint for key in ordered],
        float(requests_max),
    )


async def insert_slots(connection: Connection, keys: Sequence[Key], requests_max: int) -> None:
    """Give each key its slots; those that it has keep their time."""
    await connection.execute(
        """
        INSERT INTO provider_slots (key_digest, slot)
        SELECT digest, slot FROM unnest($1::bytea[]) AS digest, generate_series(0, $2::int - 1) AS slot
        ORDER BY digest, slot
        ON CONFLICT DO NOTHING
        """,
        [key.digest for key in keys],
        requests_max,
    )


async def take_slot(
    connection: Connection, digests: Sequence[bytes], *, window_seconds: float, call_seconds_max: float
) -> Slot | None:
    """Take a free slot of that key of these which has most of them, or nothing.

    It counts as used until the end of the longest call, so that a process that is killed meanwhile gives it back by
    itself and none too soon. Slots that others are just taking are passed over: nobody waits for anybody. A refused key
    whose time has come goes first, and counts as refused until the end of that call: one request tries it.
    """
    row = await connection.fetchrow(
        """
        WITH room AS (
            SELECT digest, floor(allowance) AS slots_max, refused_until, count(*) AS slots
            FROM provider_keys JOIN provider_slots ON key_digest = digest
            WHERE digest = ANY($1)
              AND slot < floor(allowance)
              AND used_at <= now() - make_interval(secs => $2)
              AND coalesce(resting_until <= now(), true)
              AND coalesce(refused_until <= now(), true)
            GROUP BY digest
        ), free AS (
            SELECT key_digest, slot, refused_until
            FROM provider_slots JOIN room ON digest = key_digest
            WHERE slot < slots_max AND used_at <= now() - make_interval(secs => $2)
            ORDER BY refused_until, slots DESC, used_at
            LIMIT 1
            FOR UPDATE OF provider_slots SKIP LOCKED
        ), tried AS (
            UPDATE provider_keys SET refused_until = clock_timestamp() + make_interval(secs => $3)
            FROM free WHERE digest = key_digest AND free.refused_until IS NOT NULL
        )
        UPDATE provider_slots SET used_at = clock_timestamp() + make_interval(secs => $3)
        FROM free WHERE provider_slots.key_digest = free.key_digest AND provider_slots.slot = free.slot
        RETURNING provider_slots.key_digest, provider_slots.slot, now() AS taken_at, used_at AS taken_until
        """,
        list(digests),
        float(window_seconds),
        float(call_seconds_max),
    )
    return Slot(**row) if row else None


async def find_outlook(connection: Connection, digests: Sequence[bytes], *, window_seconds: float) -> Outlook:
    """How many of these keys are taken by the provider, and when one of them will have room.

    What is under way is expected to end now.
    """
    row = await connection.fetchrow(
        """
        WITH keys AS (
            SELECT floor(allowance) AS allowance, resting_until, refused_until,
                   (SELECT min(least(used_at, now())) FROM provider_slots
                    WHERE key_digest = digest AND slot < floor(allowance)) + make_interval(secs => $2) AS free_at
            FROM provider_keys WHERE digest = ANY($1)
        ), usable AS (
            SELECT allowance, greatest(free_at, resting_until) AS ready_at
            FROM keys WHERE coalesce(refused_until <= now(), true)
        )
        SELECT count(*) AS keys,
               coalesce(sum(allowance), 0)::int AS allowance,
               coalesce(extract(epoch FROM min(ready_at) - now()), 0)::float8 AS seconds,
               coalesce((SELECT extract(epoch FROM min(refused_until) - now()) FROM keys), 0)::float8 AS refused_seconds
        FROM usable
        """,
        list(digests),
        float(window_seconds),
    )
    assert row is not None
    return Outlook(**row)


async def mark_slot_used(connection: Connection, taken: Slot) -> None:
    """The call has ended: the slot is free again a window from now, unless somebody has it already."""
    await connection.execute(
        """
        UPDATE provider_slots SET used_at = clock_timestamp()
        WHERE key_digest = $1 AND slot = $2 AND used_at = $3
        """,
        taken.key_digest,
        taken.slot,
        taken.taken_until,
    )


async def mark_key_good(connection: Connection, taken: Slot, requests_max: int) -> None:
    """A request has succeeded: allow a little more, unless the key was slowed down since the request began."""
    await connection.execute(
        """
        UPDATE provider_keys SET allowance = least(allowance + $3, $2), refused_until = NULL
        WHERE digest = $1
          AND (allowance < $2 OR refused_until IS NOT NULL)
          AND coalesce(slowed_at <= $4, true)
        """,
        taken.key_digest,
        float(requests_max),
        SUCCESS_RAISES_BY,
        taken.taken_at,
    )


async def mark_key_slowed(connection: Connection, taken: Slot, rest_seconds: float) -> None:
    """Too many requests: let the key rest, and halve its allowance, once for all requests that were under way."""
    await connection.execute(
        """
        UPDATE provider_keys
        SET allowance = CASE WHEN slowed_at > $2 THEN allowance ELSE greatest(1, floor(allowance * $3)) END,
            slowed_at = CASE WHEN slowed_at > $2 THEN slowed_at ELSE clock_timestamp() END,
            resting_until = greatest(resting_until, clock_timestamp() + make_interval(secs => $4))
        WHERE digest = $1
        """,
        taken.key_digest,
        taken.taken_at,
        SLOWED_FACTOR,
        float(rest_seconds),
    )


async def mark_key_refused(connection: Connection, taken: Slot, seconds: float) -> None:
    """The provider does not take the key: set it aside for so long."""
    await connection.execute(
        """
        UPDATE provider_keys SET refused_until = clock_timestamp() + make_interval(secs => $2) WHERE digest = $1
        """,
        taken.key_digest,
        float(seconds),
    )


async def count_usage(connection: Connection, key: Key, *, refused: bool, images: int, cost_micros: int) -> None:
    """Count one request of a key, on the day that it is now in UTC."""
    await connection.execute(
        """
        INSERT INTO provider_usage AS known
               (day, key_digest, provider, key_hint, requests, refused, images, cost_micros)
        VALUES ((now() AT TIME ZONE 'UTC')::date, $1, $2, $3, 1, $4, $5, $6)
        ON CONFLICT (day, key_digest) DO UPDATE
        SET requests = known.requests + 1,
            refused = known.refused + excluded.refused,
            images = known.images + excluded.images,
            cost_micros = known.cost_micros + excluded.cost_micros
        """,
        key.digest,
        key.provider,
        key.hint,
        int(refused),
        images,
        cost_micros,
    )
