"""How the albums door refuses: its sentences, and how its documentation names them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import asyncpg

from services.gateway.albums import AlbumFull, NoCover, NoSuchAlbum, NotInAlbum, NotTheCallers
from services.gateway.api.problems import ErrorMessage, Refused, Responses
from services.gateway.store.albums import NameTaken
from shared.errors import DarkroomError

STATUSES: dict[type[DarkroomError], int] = {
    NoSuchAlbum: 404,
    NotTheCallers: 400,
    NoCover: 400,
    NotInAlbum: 400,
    AlbumFull: 400,
    NameTaken: 409,
}


def errors(descriptions: Mapping[int, str]) -> Responses:
    """Errors in the door's shape, by their status."""
    return {status: {"model": ErrorMessage, "description": description} for status, description in descriptions.items()}


OPEN = errors({401: "The API key is not valid", 429: "Too many calls", 503: "The database is away"})
KEYED = errors({401: "An API key is needed", 429: "Too many calls", 503: "The database is away"})


def not_found(what: str) -> Refused:
    """The same answer for what does not exist, is malformed, or is another account's."""
    return Refused(404, f"{what} not found")


def must_own(account_id: str, found: asyncpg.Record | None, what: str) -> asyncpg.Record:
    """Something that the caller is about to change; raises 404 where there is none, 403 where it is another's."""
    if found is None:
        raise not_found(what)
    if found["account_id"] != account_id:
        raise Refused(403, "Forbidden")
    return found


@contextmanager
def in_the_doors_words() -> Iterator[None]:
    """Errors of albums become the door's answers."""
    try:
        yield
    except tuple(STATUSES) as error:
        raise Refused(STATUSES[type(error)], (error.__doc__ or "").rstrip(".")) from None
