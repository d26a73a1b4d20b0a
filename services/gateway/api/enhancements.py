"""The albums door: having images enhanced for tokens. Every call is one job, held as a whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.gateway.api.album_bodies import read_object
from services.gateway.api.album_errors import KEYED, errors, must_own, not_found
from services.gateway.api.albums import found_album
from services.gateway.api.bodies import described
from services.gateway.api.callers import KeyedAccountOf, PortsOf
from services.gateway.api.enhance_bodies import (
    EnhanceAlbum,
    EnhanceImage,
    EnhanceImages,
    read_choice,
    read_image_id,
    read_image_ids,
    read_provider,
    read_tier,
)
from services.gateway.api.enhance_views import (
    AlbumEnhanced,
    AlbumTooLarge,
    BatchEnhanced,
    ImageEnhanced,
    InsufficientTokens,
    album_enhanced,
    album_estimated,
    batch_enhanced,
    image_enhanced,
)
from services.gateway.api.ids import id_of
from services.gateway.api.once import IdempotencyKey, keyed
from services.gateway.api.problems import RETRY_SECONDS, Refused, Responses
from services.gateway.api.rate_limits import ENHANCE_LIMITED, IMAGE_ENHANCE_LIMITED
from services.gateway.deciding import Declined, NotDecided
from services.gateway.enhancing import NoSuchUpload, Order, TooMany, enhance, estimate
from services.gateway.ports import Ports
from services.gateway.store import album_images
from shared.outcome import Connection

router = APIRouter(tags=["enhancements"], prefix="/api")

OPERATION = "enhancement"
NOT_DECIDED = "The tokens could not be reserved in time. Nothing was charged. Please try again."
BATCH_UNKNOWN = "One or more images not found or unauthorized"
PAID: Responses = {
    **KEYED,
    402: {"model": InsufficientTokens, "description": "The balance is too small; nothing has changed"},
    **errors({409: "The Idempotency-Key's first request still runs", 422: "The Idempotency-Key stands for another"}),
    **errors({503: "The tokens could not be reserved in time, or the database is away; nothing was charged"}),
}


@router.post(
    "/albums/{album_id}/enhance",
    summary="Enhance an album's images",
    response_model=AlbumEnhanced,
    response_model_exclude_none=True,
    responses={
        **PAID,
        400: {"model": AlbumTooLarge, "description": "The body is not as it must be, or there are too many images"},
        **errors({403: "It is another account's", 404: "No such album, or it has no images"}),
    },
    openapi_extra=described(EnhanceAlbum),
    dependencies=[ENHANCE_LIMITED],
)
async def enhance_album(
    album_id: str,
    request: Request,
    dry_run: bool = False,
    idempotency_key: IdempotencyKey = None,
    account_id: str = KeyedAccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """One image after the other, in the album's order. All is charged now; what does not succeed is given back.

    Images that are being enhanced at the tier are left out in any case, so that nothing is ever charged twice.
    With `dry_run=true`: what it would cost.
    """
    body = await read_object(request)
    tier, skips = read_tier(body), read_choice(body, "skipAlreadyEnhanced", usual=True)
    provider = read_provider(body, ports.settings.enhance_providers)

    async def ordered(connection: Connection) -> Order:
        album = must_own(account_id, await found_album(connection, album_id), "Album")
        known = album["album_id"]
        upload_ids = [row["upload_id"] for row in await album_images.list_members(connection, known)]
        if not upload_ids:
            raise Refused(404, "No images found in album")
        return Order(
            account_id,
            upload_ids,
            tier,
            "album_batch_enhancement",
            provider,
            album_id=known,
            reference_start=f"album-{known}",
            skips_enhanced=skips,
        )

    with _in_the_doors_words(ports, "Image not found"):
        if dry_run:
            return JSONResponse(album_estimated(await estimate(ports, ordered)))
        same = {"album": album_id, "tier": tier, "skip": skips, "provider": provider}
        return JSONResponse(
            album_enhanced(await enhance(ports, ordered, keyed(account_id, OPERATION, idempotency_key, same)))
        )


@router.post(
    "/images/enhance",
    summary="Enhance an image",
    response_model=ImageEnhanced,
    responses={**PAID, **errors({400: "The body is not as it must be", 404: "No such image"})},
    openapi_extra=described(EnhanceImage),
    dependencies=[IMAGE_ENHANCE_LIMITED],
)
async def enhance_image(
    request: Request, idempotency_key: IdempotencyKey = None, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """Again, if it was enhanced before. While it is being enhanced at the tier: names that job, and charges nothing."""
    body = await read_object(request)
    named, tier = read_image_id(body), read_tier(body)
    provider = read_provider(body, ports.settings.enhance_providers)
    image_id = id_of(named)
    if image_id is None:
        raise not_found("Image")

    async def ordered(_: Connection) -> Order:
        return Order(account_id, [image_id], tier, "image_enhancement", provider)

    same = {"image": str(image_id), "tier": tier, "provider": provider}
    with _in_the_doors_words(ports, "Image not found"):
        return JSONResponse(
            image_enhanced(await enhance(ports, ordered, keyed(account_id, OPERATION, idempotency_key, same)))
        )


@router.post(
    "/images/batch-enhance",
    summary="Enhance several images",
    response_model=BatchEnhanced,
    responses={**PAID, **errors({400: "The body is not as it must be", 404: "One of the images is not the caller's"})},
    openapi_extra=described(EnhanceImages),
)
async def enhance_images(
    request: Request, idempotency_key: IdempotencyKey = None, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """One after the other, again if they were enhanced before. Those being enhanced at the tier are left out."""
    body = await read_object(request)
    named, tier = read_image_ids(body, ports.settings.album_images_max), read_tier(body)
    provider = read_provider(body, ports.settings.enhance_providers)
    image_ids = _known(named)

    async def ordered(_: Connection) -> Order:
        return Order(account_id, image_ids, tier, "batch_enhancement", provider, reference_start="batch")

    same = {"images": named, "tier": tier, "provider": provider}
    with _in_the_doors_words(ports, BATCH_UNKNOWN):
        return JSONResponse(
            batch_enhanced(await enhance(ports, ordered, keyed(account_id, OPERATION, idempotency_key, same)))
        )


def _known(named: list[str]) -> list[UUID]:
    found = dict.fromkeys(map(id_of, named))
    if None in found:
        raise Refused(404, BATCH_UNKNOWN)
    return [image_id for image_id in found if image_id]


@contextmanager
def _in_the_doors_words(ports: Ports, unknown: str) -> Iterator[None]:
    """What enhancing refuses becomes the door's answers."""
    try:
        yield
    except NoSuchUpload:
        raise Refused(404, unknown) from None
    except TooMany as error:
        most = ports.settings.album_images_max
        message = (
            f"Maximum {most} images allowed per batch enhancement. This album has {error.to_enhance} images to "
            "enhance. Please enhance in smaller batches."
        )
        raise Refused(400, message, totalImages=error.total, toEnhance=error.to_enhance, maxBatchSize=most) from None
    except Declined as error:
        raise Refused(402, "Insufficient tokens", required=error.required, toEnhance=error.to_enhance) from None
    except NotDecided:
        raise Refused(503, NOT_DECIDED, {"Retry-After": RETRY_SECONDS}) from None
