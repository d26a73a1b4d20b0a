"""Ids as callers write them."""

from uuid import UUID


def id_of(text: object) -> UUID | None:
    """A UUID in its usual form, in either case; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None
