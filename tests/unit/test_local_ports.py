"""Ports of the local stack: wishes come first, nothing is given twice or while it is taken."""

import random
import socket

import pytest

from deploy.local.errors import StackError
from deploy.local.ports import allowed, choose, is_free


def test_names_get_distinct_free_ports_below_the_range_of_outgoing_connections() -> None:
    chosen = choose(("amqp", "management", "postgres"), {}, random.Random(7))
    assert len(set(chosen.values())) == 3
    assert all(port in allowed() and is_free(port) for port in chosen.values())


def test_a_wish_is_granted_unless_it_is_taken() -> None:
    free = choose(("any",), {}, random.Random(8))["any"]
    assert choose(("gateway",), {"gateway": [free]}, random.Random(9)) == {"gateway": free}
    with socket.create_server(("127.0.0.1", free)):
        assert choose(("gateway",), {"gateway": [free]}, random.Random(9)) != {"gateway": free}


def test_two_names_with_the_same_wish_do_not_share_it() -> None:
    free = choose(("any",), {}, random.Random(10))["any"]
    chosen = choose(("one", "two"), {"one": [free], "two": [free]}, random.Random(11))
    assert chosen["one"] == free != chosen["two"]


def test_ports_are_taken_from_the_range_that_is_named(monkeypatch) -> None:
    monkeypatch.setenv("DARKROOM_LOCAL_PORTS", "31000-31200")
    assert set(choose(("one", "two"), {}, random.Random(12)).values()) <= set(range(31_000, 31_201))


@pytest.mark.parametrize("wrong", ["31000", "31200-31000", "80-90", "a-b", "31000-70000"])
def test_a_range_that_makes_no_sense_is_refused(monkeypatch, wrong: str) -> None:
    monkeypatch.setenv("DARKROOM_LOCAL_PORTS", wrong)
    with pytest.raises(StackError, match="no range of ports"):
        allowed()
