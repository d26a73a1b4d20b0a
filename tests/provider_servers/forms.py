"""Whether a request has the form that the providers ask for; what is wrong with it, in words."""

import base64
import binascii
import io
from typing import Any

from PIL import Image

FEATURES = {"TEXT_DETECTION", "DOCUMENT_TEXT_DETECTION", "LABEL_DETECTION", "LOGO_DETECTION"}
FIELDS = {"store_image", "text_content", "store_name", "business_contact", "image_description"}
SIDE_MAX = 2_048


def complaint_about_vision(body: Any) -> str | None:
    """What Vision would not like about a body."""
    try:
        (request,) = body["requests"]
        features = {feature["type"] for feature in request["features"]}
        content = request["image"]["content"]
    except (KeyError, TypeError, ValueError) as error:
        return f"the request is not one of images:annotate: {error!r}"
    if not features <= FEATURES or len(features) < 3:
        return f"features: {sorted(features)}"
    return complaint_about_image(content)


def complaint_about_gemini(body: Any) -> str | None:
    """What Gemini would not like about a body."""
    try:
        (content,) = body["contents"]
        image, prompt = content["parts"]
        data = image["inline_data"]
        wanted = body["generationConfig"]
        fields = set(wanted["responseSchema"]["properties"])
        text = prompt["text"]
    except (KeyError, TypeError, ValueError) as error:
        return f"the request is not one of generateContent: {error!r}"
    if data.get("mime_type") != "image/jpeg":
        return f"mime_type: {data.get('mime_type')}"
    if wanted.get("responseMimeType") != "application/json" or fields != FIELDS:
        return f"generationConfig: {sorted(fields)}"
    if not all(field in text for field in FIELDS):
        return "the prompt does not name the fields"
    return complaint_about_image(data.get("data"))


def complaint_about_image(content: Any) -> str | None:
    """What is wrong with an image in base64, that is to be a JPEG of at most 2,048 pixels a side."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(content, validate=True)), formats=["JPEG"]) as image:
            image.load()
            return f"{image.size} is too large" if max(image.size) > SIDE_MAX else None
    except (binascii.Error, OSError, TypeError, ValueError) as error:
        return f"not a JPEG in base64: {error!r}"
