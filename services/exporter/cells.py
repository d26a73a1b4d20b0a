"""What may stand in a cell of a text table, so that no spreadsheet takes it for a formula."""

import re

# Blank or invisible to a spreadsheet's eye, but not to a check of the first character alone.
_INVISIBLE = r"\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff"
# ASCII, full-width and small forms of = + - @
_TRIGGERS = r"=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
_FORMULA = re.compile(rf"[{_INVISIBLE}]*[{_TRIGGERS}\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SERIAL = re.compile(r"0|[1-9][0-9]{0,14}")


def inert(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run; plain numbers stay numbers."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def number_or_text(text: str) -> int | str:
    """The number that the text is, if a spreadsheet shows it back unchanged (no leading zeros, at most 15 digits)."""
    return int(text) if _SERIAL.fullmatch(text) else text
