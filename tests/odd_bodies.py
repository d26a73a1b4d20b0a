"""Bodies, values and ids that robots and attackers send."""

import json
from typing import Any

from tests.builders import UNKNOWN_ID

DEEP = 100_000
LARGE_BYTES = 6_000_000  # more than tests/stacks.py lets in

NO_OBJECTS = {
    "nothing": b"",
    "cut off": b'{"tier": "TIER_1K"',
    "two": b"{}{}",
    "html": b"<html></html>",
    "form": b"tier=TIER_1K",
    "deep list": b"[" * DEEP,
    "deep object": b'{"a":' * DEEP,
    "no utf-8": b'{"name": "\xff\xfe"}',
    "utf-16": json.dumps({"tier": "TIER_1K"}).encode("utf-16"),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "list": b"[]",
    "null": b"null",
    "number": b"17",
    "NUL": b"\x00",
    "bare surrogate": b'"\\ud800"',
    "very long number": b'{"name": ' + b"9" * 10_000 + b"}",
}
"""Bodies that are no JSON objects, or none with which anything could be done."""

ODD_OBJECTS = {
    "NaN": b'{"tier": NaN, "name": NaN, "imageId": NaN, "imageIds": [NaN], "jobIds": [NaN]}',
    "infinity": b'{"tier": 1e999, "name": -1e999, "imageId": 1e999, "imageIds": 1e999}',
    "twice": b'{"tier": "TIER_1K", "tier": "TIER_8K", "name": "a", "name": "b", "imageIds": [], "imageIds": 1}',
    "large": b'{"name": "' + b"x" * LARGE_BYTES + b'"}',
    "many fields": json.dumps({f"field{number}": number for number in range(10_000)}).encode(),
    "prototype": b'{"__proto__": {"admin": true}, "constructor": 1, "account_id": "local"}',
}

WRONG_VALUES: dict[str, Any] = {
    "object": {"a": {}},
    "NUL": "a\0b",
    "lone surrogate": "\ud800",
    "long": "x" * 1_000_000,
    "list of lists": [[[]]],
    "list of NUL": ["a\0b", "a\0b"],
    "list of surrogates": ["\udfff"],
    "list of null": [None],
    "very many": ["a"] * 20_000,
    "large number": 10**400,
    "fraction": 1.5,
    "negative": -1,
    "true": True,
    "null": None,
}

HOSTILE_IDS = [
    "nothing",
    "0",
    "-1",
    "null",
    "%00",
    "%20",
    "%ff%fe",
    "%ed%a0%80",
    "%e2%80%ae",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2fstate.json",
    "..%5cboot.ini",
    "%27%20OR%201=1--",
    "%7b%7b7*7%7d%7d",
    "album-0-0",
    f"album-{UNKNOWN_ID}-99999999999999999999999999",
    f"{{{UNKNOWN_ID}}}",
    f"urn:uuid:{UNKNOWN_ID}",
    "a" * 3000,
]
