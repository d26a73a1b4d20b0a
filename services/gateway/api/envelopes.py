"""The shape of an error is its door's: `{"error"}` at the albums door, `{"detail"}` at the others."""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse

ALBUMS_DOOR = ("/api/albums", "/api/images", "/api/jobs", "/api/tokens")


def is_albums(path: str) -> bool:
    """Whether a path is the albums door's (`/api/image/...` is the products door's)."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in ALBUMS_DOOR)


def error_at(
    path: str, status: int, message: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """An error in the shape of the door that the path belongs to, with what else it has to say."""
    name = "error" if is_albums(path) else "detail"
    return JSONResponse({name: message, **more}, status, headers)
