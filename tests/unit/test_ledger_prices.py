"""The price list."""

import json

import pytest
from pydantic import ValidationError

from shared.prices import Prices


def test_what_is_not_listed_costs_nothing(monkeypatch) -> None:
    monkeypatch.delenv("DARKROOM_PRICES", raising=False)
    assert Prices().price_of("products") == 0


def test_prices_are_read_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("DARKROOM_PRICES", '{"products": 1, "album": 2}')
    prices = Prices()
    assert (prices.price_of("products"), prices.price_of("album"), prices.price_of("book")) == (1, 2, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        '{"products": -1}',
        '{"produce": 1}',
        '{"products": 1000001}',
        '{"products": 0.5}',
        '{"album": {"TIER_8K": 1}}',
        '{"album": {"TIER_1K": -1}}',
        '{"album": {"TIER_1K": 1000001}}',
        '{"album": "free"}',
        '{"batch": 1}',
    ],
)
def test_a_price_list_that_makes_no_sense_is_refused(monkeypatch, wrong: str) -> None:
    monkeypatch.setenv("DARKROOM_PRICES", wrong)
    with pytest.raises(ValidationError):
        Prices()


TIERS = ("TIER_1K", "TIER_2K", "TIER_4K")


@pytest.mark.parametrize(
    ("listed", "prices"),
    [
        (None, (2, 5, 10)),
        ({"products": 3}, (2, 5, 10)),
        ({"album": {"TIER_2K": 7}}, (2, 7, 10)),
        ({"album": {}}, (2, 5, 10)),
        ({"album": {"TIER_1K": 0, "TIER_2K": 1, "TIER_4K": 1_000_000}}, (0, 1, 1_000_000)),
        ({"album": 4}, (4, 4, 4)),
        ({"album": 0}, (0, 0, 0)),
    ],
)
def test_albums_have_a_price_per_tier(monkeypatch, listed, prices) -> None:
    monkeypatch.delenv("DARKROOM_PRICES", raising=False)
    if listed is not None:
        monkeypatch.setenv("DARKROOM_PRICES", json.dumps(listed))
    assert tuple(Prices().price_of("album", tier) for tier in TIERS) == prices


def test_other_kinds_have_tiers_only_where_they_are_listed(monkeypatch) -> None:
    monkeypatch.setenv("DARKROOM_PRICES", '{"order": {"TIER_2K": 7}}')
    prices = Prices()
    assert (prices.price_of("order", "TIER_2K"), prices.price_of("order")) == (7, 0)
    assert (prices.price_of("products", "TIER_2K"), prices.price_of("products")) == (0, 0)
