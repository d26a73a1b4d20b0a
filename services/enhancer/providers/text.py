"""What providers write is made fit to be kept: no control characters, no half characters, of bounded length."""

import re

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
LINE_ENDS = re.compile(r"\r\n?")


def in_lines(text: str, characters_max: int) -> str:
    """The text without what nobody can read; its lines stay."""
    cut = LINE_ENDS.sub("\n", text[: 2 * characters_max])
    return UNPRINTABLE.sub("", cut).strip()[:characters_max]


def in_one_line(text: str, characters_max: int) -> str:
    """The same on one line."""
    return " ".join(in_lines(text, 2 * characters_max).split())[:characters_max]
