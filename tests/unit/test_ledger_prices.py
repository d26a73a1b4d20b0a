"""The price list."""

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


@pytest.mark.parametrize("wrong", ['{"products": -1}', '{"produce": 1}', '{"products": 1000001}', '{"products": 0.5}'])
def test_a_price_list_that_makes_no_sense_is_refused(monkeypatch, wrong: str) -> None:
    monkeypatch.setenv("DARKROOM_PRICES", wrong)
    with pytest.raises(ValidationError):
        Prices()
