"""The formats of pictures: what their files are called and how they are served."""

EXTENSIONS = {
    "jpeg": "jpg",
    "png": "png",
    "gif": "gif",
    "webp": "webp",
    "tiff": "tiff",
    "bmp": "bmp",
    "avif": "avif",
}
MEDIA_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "avif": "image/avif",
}


def extension_of(picture_format: str) -> str:
    """The file extension of a format, without the dot."""
    return EXTENSIONS.get(picture_format, picture_format)
