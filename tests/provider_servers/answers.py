"""What the stand-ins answer when all goes well, in the shapes that the public documentation shows."""

import json
from collections.abc import Sequence
from typing import Any

SHOP_TEXT = "OPEN\nCORNER BAKERY\nTel. 030 1234567\nwww.corner-bakery.example.com"
LABELS = ("Storefront", "Building", "Facade", "Signage", "Window")
FIELDS = {
    "store_image": True,
    "text_content": SHOP_TEXT,
    "store_name": "Corner Bakery",
    "business_contact": "030 1234567, www.corner-bakery.example.com",
    "image_description": "The front of a bakery at a street corner.",
}
HEIGHTS = (30, 120, 28, 26)


def box(left: int, top: int, width: int, height: int) -> dict[str, Any]:
    """A polygon; as Vision does, without the coordinates that are 0."""
    corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    return {"vertices": [{name: at for name, at in (("x", x), ("y", y)) if at} for x, y in corners]}


def vision_word(text: str, left: int, top: int, height: int, ends: str) -> dict[str, Any]:
    """A word of symbols, the last of which says what follows."""
    symbols: list[dict[str, Any]] = [{"text": character, "confidence": 0.99} for character in text]
    symbols[-1]["property"] = {"detectedBreak": {"type": ends}}
    return {"boundingBox": box(left, top, len(text) * height // 2, height), "confidence": 0.98, "symbols": symbols}


def vision_paragraph(text: str, heights: Sequence[int]) -> dict[str, Any]:
    """Lines below one another."""
    words, top = [], 40
    for line, height in zip(text.splitlines(), heights, strict=True):
        parts, left = line.split(" "), 100
        for position, part in enumerate(parts):
            ends = "SPACE" if position < len(parts) - 1 else "LINE_BREAK"
            words.append(vision_word(part, left, top, height, ends))
            left += len(part) * height // 2 + height // 3
        top += height * 2
    return {"words": words, "confidence": 0.98}


def vision_response(
    text: str = SHOP_TEXT,
    heights: Sequence[int] = HEIGHTS,
    labels: Sequence[str] = LABELS,
    logos: Sequence[str] = (),
) -> dict[str, Any]:
    """One image's part of an answer."""
    response: dict[str, Any] = {
        "labelAnnotations": [
            {"mid": f"/m/{position}", "description": label, "score": 0.95 - position / 50, "topicality": 0.5}
            for position, label in enumerate(labels)
        ]
    }
    if logos:
        response["logoAnnotations"] = [
            {
                "mid": f"/g/{position}",
                "description": logo,
                "score": 0.9 - position / 10,
                "boundingPoly": box(1, 1, 9, 9),
            }
            for position, logo in enumerate(logos)
        ]
    if text:
        blocks = [{"blockType": "TEXT", "paragraphs": [vision_paragraph(text, heights)]}]
        response["textAnnotations"] = [{"locale": "en", "description": text, "boundingPoly": box(0, 40, 900, 700)}]
        response["fullTextAnnotation"] = {"pages": [{"width": 1600, "height": 1200, "blocks": blocks}], "text": text}
    return response


def vision_answer(**parts: Any) -> dict[str, Any]:
    """An answer of images:annotate for one image."""
    return {"responses": [vision_response(**parts)]}


def vision_image_error(code: int) -> dict[str, Any]:
    """An answer of 200 that says that the image failed."""
    return {"responses": [{"error": {"code": code, "message": "Bad image data."}}]}


def gemini_answer(text: str | None = None, finish: str = "STOP") -> dict[str, Any]:
    """An answer of generateContent."""
    said = json.dumps(FIELDS) if text is None else text
    candidate = {"content": {"parts": [{"text": said}], "role": "model"}, "finishReason": finish, "avgLogprobs": -0.01}
    usage = {"promptTokenCount": 1_400, "candidatesTokenCount": 120, "totalTokenCount": 1_520}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.0-flash"}


def gemini_blocked() -> dict[str, Any]:
    """An answer to a prompt that is not answered."""
    usage = {"promptTokenCount": 1_400, "totalTokenCount": 1_400}
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage}
