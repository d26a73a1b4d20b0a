"""Contacts in text that was read from pictures."""

import time

import pytest
from hypothesis import given, strategies as st

from services.enhancer.analysis import FIELD_CHARACTERS_MAX
from services.enhancer.contacts import contacts_in

HOSTILE = [
    "a" * 20_000,
    "a." * 10_000,
    "1 " * 10_000,
    "(1" * 10_000,
    "1-" * 10_000,
    "a@" * 10_000,
    "a@a." * 5_000,
    "www." * 5_000,
    "http://" * 3_000,
    "+" * 20_000,
    "tel" * 7_000,
    "ﷺ" * 20_000,
    "%" * 20_000,
]


@pytest.mark.parametrize(
    ("text", "contacts"),
    [
        ("Call 555-123-4567 now", "555-123-4567"),
        ("Tel. +49 30 123 4567", "+49 30 123 4567"),
        ("Tel:(030) 1234567", "(030) 1234567"),
        ("Phone 1-800-555-0199", "1-800-555-0199"),
        ("Ruf 0171/2345678 an", "0171/2345678"),
        ("Tel 4711", "4711"),
        ("INFO@Golden-Bakery.de", "INFO@Golden-Bakery.de"),
        ("info @ bakery.de", "info@bakery.de"),
        ("www. golden-bakery.de", "www.golden-bakery.de"),
        ("visit golden-bakery.com.", "golden-bakery.com"),
        ("https://bakery.example/menu?x=1)", "https://bakery.example/menu?x=1"),
        ("ＴＥＬ：０３０ １２３４５６７", "030 1234567"),
        ("电话：010-12345678", "010-12345678"),
        ("a@b.de 030 1234567 www.b.de", "a@b.de, 030 1234567, www.b.de"),
        ("030 1234567\n(030) 1234567", "030 1234567"),
        ("A@b.de a@B.DE", "A@b.de"),
    ],
)
def test_contacts_are_found_as_they_are_written(text: str, contacts: str) -> None:
    assert contacts_in(text) == contacts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GOLDEN BAKERY",
        "12.04.2025",
        "2025-04-12",
        "2019 2020 2021",
        "EUR 1.234.567",
        "4006381333931",
        "192.168.178.100",
        "Mon-Fri 08:00-18:00",
        "Sale 50%",
        "1.99 2.49",
        "00000000",
        "B5 GPW 14%",
        "Main Street 12",
        "e.g.",
        "@home",
    ],
)
def test_other_numbers_and_words_are_no_contacts(text: str) -> None:
    assert contacts_in(text) == ""


def test_as_many_contacts_are_told_as_fit() -> None:
    contacts = contacts_in(" ".join(f"shop{number}@example.com" for number in range(500)))
    assert 950 < len(contacts) <= FIELD_CHARACTERS_MAX
    assert all(contact.endswith("@example.com") for contact in contacts.split(", "))


@given(st.text(max_size=500))
def test_any_text_is_looked_through(text: str) -> None:
    assert len(contacts_in(text)) <= FIELD_CHARACTERS_MAX


@given(st.text(alphabet="ab1 .@-+()/:%wte", max_size=2_000))
def test_any_text_that_is_nearly_a_contact_is_looked_through(text: str) -> None:
    assert len(contacts_in(text)) <= FIELD_CHARACTERS_MAX


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_looked_through_in_no_time(text: str) -> None:
    started = time.process_time()
    contacts_in(text)
    assert time.process_time() - started < 2.0
