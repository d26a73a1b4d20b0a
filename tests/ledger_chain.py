"""The events of an account are a chain: versions without a gap, each balance what the event makes of the one before."""

from collections import defaultdict
from collections.abc import Iterable

from shared.events import Event, TokenEvent, TokensCaptured, TokensDeclined, TokensGranted, TokensHeld, TokensVoided

Tokens = tuple[int, int]
"""Posted and held."""


def chains(events: Iterable[Event]) -> dict[str, list[TokenEvent]]:
    """The events of each account, in the order of their versions."""
    found: dict[str, list[TokenEvent]] = defaultdict(list)
    for event in events:
        assert isinstance(event, TokenEvent)
        found[event.account_id].append(event)
    return {account_id: sorted(told, key=lambda event: event.account_version) for account_id, told in found.items()}


def assert_chained(events: Iterable[Event]) -> dict[str, Tokens]:
    """All events since the accounts were opened fit together; what the accounts have after the last of them."""
    return {account_id: _walk(told) for account_id, told in chains(events).items()}


def _walk(told: list[TokenEvent]) -> Tokens:
    assert [event.account_version for event in told] == list(range(1, len(told) + 1))
    posted = held = 0
    for event in told:
        assert (event.balance - posted, event.held - held) in _moves(event), event
        posted, held = event.balance, event.held
        assert 0 <= held <= posted
        assert event.regenerated_at <= event.changed_at
    return posted, held


def _moves(event: TokenEvent) -> set[Tokens]:
    """How an event may change posted and held; voided tokens come from the hold, or back from what was captured."""
    moves = {
        TokensGranted: {(event.amount, 0)},
        TokensHeld: {(0, event.amount)},
        TokensDeclined: {(0, 0)},
        TokensCaptured: {(-event.amount, -event.amount)},
        TokensVoided: {(0, -event.amount), (event.amount, 0)},
    }
    return moves[type(event)]
