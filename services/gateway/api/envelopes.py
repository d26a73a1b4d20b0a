"""The shape of an error is its door's.

`{"error"}` at the albums door, `{"success", "error", "timestamp"}` at the batches door, problem details at ours, else
`{"detail"}`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

ALBUMS_DOOR = ("/api/albums", "/api/images", "/api/jobs", "/api/tokens")
BATCHES_DOOR = ("/api/v1", "/admin", "/batch", "/export", "/upload", "/system")
OWN_DOORS = ("/api/admin", "/api/ledger")


def is_albums(path: str) -> bool:
    """Whether a path is the albums door's (`/api/image/...` is the products door's)."""
    return _is_below(path, ALBUMS_DOOR)


def is_batches(path: str) -> bool:
    """Whether a path is the batches door's."""
    return _is_below(path, BATCHES_DOOR)


def is_own(path: str) -> bool:
    """Whether a path is Darkroom's own: no other system's clients know it."""
    return _is_below(path, OWN_DOORS)


def _is_below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def error_at(
    path: str, status: int, message: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """An error in the shape of the door that the path belongs to, with what else it has to say."""
    if is_own(path):
        return problem(status, message, headers, **more)
    if is_batches(path):
        content = {"success": False, "error": message, "timestamp": timestamp(), **more}
        return JSONResponse(content, status, _challenging(status, headers))
    name = "error" if is_albums(path) else "detail"
    return JSONResponse({name: message, **more}, status, _challenging(status, headers))


def timestamp() -> str:
    """Now, as the batches and books doors write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> JSONResponse:
    """RFC 9457 problem details."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(content, status, _challenging(status, headers), media_type="application/problem+json")


def _challenging(status: int, headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """A 401 says how one is let in."""
    return {"WWW-Authenticate": "Bearer", **(headers or {})} if status == HTTPStatus.UNAUTHORIZED else headers
