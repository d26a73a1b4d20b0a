"""How albums read at their door."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.gateway.api.image_views import enhanced_url, original_url
from services.gateway.api.product_views import time_text
from shared.db import Row

ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
TIME = "2026-11-21T03:57:36.691Z"
SHARE_TOKEN = "kq3Zr8_Lw0Yd"


class PreviewView(BaseModel):
    """One of an album's first images."""

    id: str = Field(examples=[ID])
    url: str = Field(examples=[f"http://localhost:8000/api/images/{ID}/original"])
    name: str = Field(examples=["beach.jpg"])


class ListedAlbum(BaseModel):
    """An album in its owner's list."""

    id: str = Field(examples=[ID])
    name: str = Field(examples=["Holidays"])
    description: str | None
    privacy: str = Field(examples=["PRIVATE"])
    coverImageId: str | None
    imageCount: int = Field(examples=[12])
    previewImages: list[PreviewView] = Field(description="the first four")
    createdAt: str = Field(examples=[TIME])
    updatedAt: str = Field(examples=[TIME])


class AlbumsView(BaseModel):
    """The caller's albums."""

    albums: list[ListedAlbum]


class MadeAlbum(BaseModel):
    """An album that was made."""

    id: str = Field(examples=[ID])
    name: str = Field(examples=["Holidays"])
    description: str | None
    privacy: str = Field(examples=["UNLISTED"])
    shareToken: str | None = Field(description="null while it is PRIVATE", examples=[SHARE_TOKEN])
    createdAt: str = Field(examples=[TIME])


class AlbumMade(BaseModel):
    """The answer to making one."""

    album: MadeAlbum


class AlbumImageView(BaseModel):
    """An image of an album; `enhancedUrl` and `enhancementTier` of its newest enhancement that succeeded."""

    id: str = Field(examples=[ID])
    name: str = Field(examples=["beach.jpg"])
    description: str | None
    originalUrl: str = Field(examples=[f"http://localhost:8000/api/images/{ID}/original"])
    enhancedUrl: str | None = Field(None, examples=[f"http://localhost:8000/api/jobs/{ID}/image"])
    enhancementTier: str | None = Field(None, examples=["TIER_1K"])
    width: int = Field(description="in pixels, as seen upright", examples=[3000])
    height: int = Field(examples=[2000])
    sortOrder: int = Field(examples=[0])
    createdAt: str = Field(examples=[TIME])


class AlbumView(BaseModel):
    """An album with its images in their order; `shareToken` for its owner alone."""

    id: str = Field(examples=[ID])
    name: str = Field(examples=["Holidays"])
    description: str | None
    privacy: str = Field(examples=["UNLISTED"])
    coverImageId: str | None
    shareToken: str | None = Field(None, examples=[SHARE_TOKEN])
    pipelineId: str | None
    defaultTier: str = Field(examples=["TIER_1K"])
    pipeline: None = Field(description="one pipeline serves all")
    imageCount: int = Field(examples=[1])
    isOwner: bool
    images: list[AlbumImageView]
    createdAt: str = Field(examples=[TIME])
    updatedAt: str = Field(examples=[TIME])


class AlbumFound(BaseModel):
    """An album."""

    album: AlbumView


class ChangedAlbum(BaseModel):
    """An album as it is after a change."""

    id: str = Field(examples=[ID])
    name: str = Field(examples=["Holidays"])
    description: str | None
    privacy: str = Field(examples=["UNLISTED"])
    coverImageId: str | None
    shareToken: str | None = Field(examples=[SHARE_TOKEN])
    pipelineId: str | None
    defaultTier: str = Field(examples=["TIER_1K"])
    updatedAt: str = Field(examples=[TIME])


class AlbumChanged(BaseModel):
    """The answer to a change."""

    album: ChangedAlbum


class Done(BaseModel):
    """It is done."""

    success: bool = Field(examples=[True])


class AddedImage(BaseModel):
    """What became of one image that was to be added."""

    imageId: str = Field(examples=[ID])
    success: bool
    albumImageId: str | None = Field(None, examples=[ID])
    reason: str | None = Field(None, examples=["already_in_album"])


class ImagesAdded(Done):
    """Images were added; those that were there already stay where they are."""

    added: int = Field(examples=[1])
    results: list[AddedImage]


class ImagesRemoved(Done):
    """Images were taken out."""

    removed: int = Field(examples=[1])


def listed_album(row: Row, public_url: str) -> dict[str, Any]:
    """One album of GET /api/albums."""
    return {
        "id": str(row["album_id"]),
        "name": row["name"],
        "description": row["description"],
        "privacy": row["privacy"],
        "coverImageId": text_of(row["cover_id"]),
        "imageCount": row["image_count"],
        "previewImages": [
            {"id": str(upload_id), "url": original_url(public_url, upload_id), "name": name}
            for upload_id, name in zip(row["upload_ids"] or (), row["names"] or (), strict=True)
        ],
        "createdAt": time_text(row["created_at"]),
        "updatedAt": time_text(row["updated_at"]),
    }


def made_album(row: Row) -> dict[str, Any]:
    """The album in the answer to POST /api/albums."""
    return {
        "id": str(row["album_id"]),
        "name": row["name"],
        "description": row["description"],
        "privacy": row["privacy"],
        "shareToken": row["share_token"],
        "createdAt": time_text(row["created_at"]),
    }


def album_view(row: Row, images: list[Any], *, is_owner: bool, public_url: str) -> dict[str, Any]:
    """The album of GET /api/albums/{id}."""
    token = {"shareToken": row["share_token"]} if is_owner else {}
    return {
        "id": str(row["album_id"]),
        "name": row["name"],
        "description": row["description"],
        "privacy": row["privacy"],
        "coverImageId": text_of(row["cover_id"]),
        **token,
        "pipelineId": row["pipeline_id"],
        "defaultTier": row["default_tier"],
        "pipeline": None,
        "imageCount": len(images),
        "isOwner": is_owner,
        "images": [_album_image(image, public_url) for image in images],
        "createdAt": time_text(row["created_at"]),
        "updatedAt": time_text(row["updated_at"]),
    }


def changed_album(row: Row) -> dict[str, Any]:
    """The album in the answer to PATCH /api/albums/{id}."""
    return {
        "id": str(row["album_id"]),
        "name": row["name"],
        "description": row["description"],
        "privacy": row["privacy"],
        "coverImageId": text_of(row["cover_id"]),
        "shareToken": row["share_token"],
        "pipelineId": row["pipeline_id"],
        "defaultTier": row["default_tier"],
        "updatedAt": time_text(row["updated_at"]),
    }


def text_of(found: UUID | None) -> str | None:
    """An id as text, where there is one."""
    return None if found is None else str(found)


def _album_image(row: Row, public_url: str) -> dict[str, Any]:
    enhanced = row["enhanced_id"] is not None
    return {
        "id": str(row["upload_id"]),
        "name": row["name"],
        "description": row["description"],
        "originalUrl": original_url(public_url, row["upload_id"]),
        **({"enhancedUrl": enhanced_url(public_url, row["enhanced_id"])} if enhanced else {}),
        **({"enhancementTier": row["tier"]} if enhanced else {}),
        "width": row["width"],
        "height": row["height"],
        "sortOrder": row["sort_order"],
        "createdAt": time_text(row["created_at"]),
    }
