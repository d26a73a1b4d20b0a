"""What HTTP answers are worth."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.answers import check_head, keep_header, parse_retry_after, refusal, save
from shared.errors import Permanent, Transient

NOON = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 1.0),
        ("86400", 3_600.0),
        ("9" * 400, 3_600.0),
        ("Tue, 14 Nov 2023 22:15:20 GMT", 120.0),
        ("Tue, 14 Nov 2023 20:00:00 GMT", 1.0),
        ("Wed, 15 Nov 2023 22:13:20 GMT", 3_600.0),
        ("Tuesday, 14-Nov-23 22:15:20 GMT", 120.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0661", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_clamped(value: str | None, expected: float | None) -> None:
    assert parse_retry_after(value, NOON) == expected


@pytest.mark.parametrize(
    ("status", "problem", "kind"),
    [
        (400, "http_400", Permanent),
        (401, "http_401", Permanent),
        (403, "http_403", Permanent),
        (404, "http_404", Permanent),
        (410, "http_410", Permanent),
        (451, "http_451", Permanent),
        (206, "http_206", Permanent),
        (304, "http_304", Permanent),
        (204, "empty_body", Permanent),
        (205, "empty_body", Permanent),
        (408, "http_408", Transient),
        (425, "http_425", Transient),
        (429, "rate_limited", Transient),
        (500, "http_500", Transient),
        (503, "http_503", Transient),
        (599, "http_599", Transient),
    ],
)
def test_each_status_has_its_problem(status: int, problem: str, kind: type[Exception]) -> None:
    found = refusal(status, 9.0)
    assert (found.problem, type(found)) == (problem, kind)
    if isinstance(found, Transient):
        assert found.retry_after_seconds == 9.0


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "Identity"}, {"Content-Length": "10"}])
def test_plain_heads_pass(headers: dict[str, str]) -> None:
    check_head(headers, bytes_max=10)


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"Content-Encoding": "gzip"}, "encoding_unsupported"),
        ({"Content-Encoding": "identity, br"}, "encoding_unsupported"),
        ({"Transfer-Encoding": "gzip, chunked"}, "encoding_unsupported"),
        ({"Content-Length": "11"}, "too_large"),
    ],
)
def test_other_heads_are_refused(headers: dict[str, str], problem: str) -> None:
    with pytest.raises(Permanent) as caught:
        check_head(headers, bytes_max=10)
    assert caught.value.problem == problem


async def chunks(*parts: bytes, fault: Exception | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if fault is not None:
        raise fault


async def test_a_body_is_saved_with_its_size_and_digest(tmp_path: Path) -> None:
    saved = await save(chunks(b"a", b"bc"), tmp_path / "body", bytes_max=3)
    assert (tmp_path / "body").read_bytes() == b"abc"
    assert saved.bytes == 3
    assert saved.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (chunks(b"a" * 4), Permanent),
        (chunks(b"aa", b"aa"), Permanent),
        (chunks(), Permanent),
        (chunks(b"a", fault=ConnectionResetError()), ConnectionResetError),
    ],
    ids=["too large", "too large in parts", "empty", "broken"],
)
async def test_no_file_is_left_of_a_bad_body(
    tmp_path: Path, body: AsyncIterator[bytes], fault: type[Exception]
) -> None:
    with pytest.raises(fault):
        await save(body, tmp_path / "body", bytes_max=3)
    assert list(tmp_path.iterdir()) == []


def test_headers_are_kept_short_and_printable() -> None:
    assert keep_header(None) is None
    assert keep_header("image/jpeg") == "image/jpeg"
    odd = keep_header('"\udcff\u00fc' + "e" * 1_000)
    assert odd is not None and odd.isascii() and len(odd) == 256
