"""Slow work among quick work."""

import pytest

from services.enhancer.crowd import Crowd
from shared.errors import NotYet


def test_who_finds_no_place_comes_again_and_a_place_is_free_again_whatever_happened_there() -> None:
    crowd = Crowd(1)
    with crowd.place(0, 10), pytest.raises(NotYet), crowd.place(1, 10):
        pass
    with pytest.raises(ZeroDivisionError), crowd.place(2, 10):
        raise ZeroDivisionError
    with crowd.place(3, 10):
        pass


def test_those_who_are_sent_away_do_not_all_come_again_at_once() -> None:
    crowd, waits = Crowd(0), set()
    for number in range(100):
        with pytest.raises(NotYet) as caught, crowd.place(number, 10):
            pass
        waits.add(caught.value.seconds)
    assert len(waits) == 16
    assert 5 <= min(waits) < max(waits) < 15
