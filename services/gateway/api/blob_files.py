"""Blobs as files that callers are sent: in ranges, if they like, and not again what they have."""

from contextlib import AsyncExitStack

from fastapi import Request
from fastapi.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from services.gateway.ports import Ports
from shared.names import content_disposition, safe_name, stem_of
from shared.pictures import MEDIA_TYPES, extension_of


class _BlobResponse(FileResponse):
    """A file that is let go of when it was sent, or when its caller has hung up."""

    opened: AsyncExitStack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.opened:
            await super().__call__(scope, receive, send)


async def blob_response(
    request: Request, ports: Ports, digest: str, media_type: str, name: str, *, inline: bool = False
) -> Response:
    """A blob, its digest for an ETag; as an attachment unless `inline`. 304 for a caller that has it."""
    headers = {
        "Content-Disposition": content_disposition(safe_name(name), inline=inline),
        "ETag": f'"{digest}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    if _has_it(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    opened = AsyncExitStack()
    response = _BlobResponse(
        await opened.enter_async_context(ports.blobs.local(digest)), media_type=media_type, headers=headers
    )
    response.opened = opened
    return response


async def picture_response(request: Request, ports: Ports, digest: str, picture_format: str, name: str) -> Response:
    """A picture under its name, with the extension that is right for it, to be looked at in place."""
    extension = extension_of(picture_format)
    return await blob_response(
        request, ports, digest, MEDIA_TYPES[picture_format], f"{stem_of(name)}.{extension}", inline=True
    )


def _has_it(request: Request, etag: str) -> bool:
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    return bool(known & {etag, "*"})
