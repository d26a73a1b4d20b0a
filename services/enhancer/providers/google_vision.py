"""Cloud Vision's `images:annotate`: text, labels and logos, and what they tell of a shop. Pure.

TEXT_DETECTION rather than DOCUMENT_TEXT_DETECTION: it is meant for photographs with a few words, as on signs.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field, ValidationError

from services.enhancer.analysis import FIELD_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from services.enhancer.contacts import contacts_in
from services.enhancer.providers.dialect import Found, Told
from services.enhancer.providers.text import in_lines, in_one_line
from services.enhancer.providers.verdicts import GoogleError, garbage, problem_inside
from services.enhancer.signs import Line, most_prominent_line, words_of_shops
from shared.facts import Analysis

NAME = "google_vision"
MODEL = "images:annotate"
FEATURES = ("TEXT_DETECTION", "LABEL_DETECTION", "LOGO_DETECTION")
LABELS_ASKED, LOGOS_ASKED, LABELS_TOLD = 15, 5, 8
LINES_MAX = 500
SHOP_LABELS = frozenset(
    {"shop", "shops", "shopfront", "store", "stores", "storefront", "signage", "signboard", "retail", "supermarket"}
    | {"boutique", "marketplace"}
)
"""Labels name what is seen: only those of the shop itself count, for coffee and flowers are at home too."""

Pixels = Annotated[float, Field(ge=-1_000_000, le=1_000_000, allow_inf_nan=False)]
Share = Annotated[float, Field(allow_inf_nan=False)]


class _Vertex(Told):
    x: Pixels = 0
    y: Pixels = 0


class _Polygon(Told):
    vertices: list[_Vertex] = []


class _Break(Told):
    type: str = ""


class _Property(Told):
    detectedBreak: _Break = _Break()  # noqa: N815 (as Google writes it)


class _Symbol(Told):
    text: str = ""
    property: _Property = _Property()


class _Word(Told):
    boundingBox: _Polygon = _Polygon()  # noqa: N815
    confidence: Share = 1.0
    symbols: list[_Symbol] = []


class _Paragraph(Told):
    words: list[_Word] = []


class _Block(Told):
    paragraphs: list[_Paragraph] = []


class _Page(Told):
    width: Pixels = 0
    height: Pixels = 0
    blocks: list[_Block] = []


class _FullText(Told):
    text: str = ""
    pages: list[_Page] = []


class _Entity(Told):
    description: str = ""
    score: Share = 0


class _Response(Told):
    error: GoogleError | None = None
    fullTextAnnotation: _FullText = _FullText()  # noqa: N815
    textAnnotations: list[_Entity] = []  # noqa: N815
    labelAnnotations: list[_Entity] = []  # noqa: N815
    logoAnnotations: list[_Entity] = []  # noqa: N815


class _Answer(Told):
    responses: list[_Response] = Field(min_length=1)


class GoogleVision:
    """How Cloud Vision is asked, and what its answers say."""

    name = NAME
    model = MODEL
    path = "/v1/images:annotate"
    key_header = "X-Goog-Api-Key"

    def __init__(self, feature_cost_micros: int) -> None:
        self._cost_micros = feature_cost_micros * len(FEATURES)

    def request(self, jpeg: bytes) -> bytes:
        """The body that asks for an image."""
        asked = {"LABEL_DETECTION": {"maxResults": LABELS_ASKED}, "LOGO_DETECTION": {"maxResults": LOGOS_ASKED}}
        image = {
            "image": {"content": base64.b64encode(jpeg).decode("ascii")},
            "features": [{"type": feature, **asked.get(feature, {})} for feature in FEATURES],
        }
        return json.dumps({"requests": [image]}).encode()

    def read(self, body: bytes) -> Found:
        """What an answer of 200 says; its problem, when it says that the image failed."""
        try:
            response = _Answer.model_validate_json(body).responses[0]
        except ValidationError:
            return Found(garbage(NAME, "the answer is not what Vision answers"))
        if response.error is not None and (response.error.code or response.error.message):
            return Found(problem_inside(NAME, response.error))
        return Found(_analysis(response), cost_micros=self._cost_micros)


def _analysis(response: _Response) -> Analysis:
    text = response.fullTextAnnotation.text or next((each.description for each in response.textAnnotations), "")
    labels, logos = _best_first(response.labelAnnotations), _best_first(response.logoAnnotations)
    text = in_lines(text, TEXT_CHARACTERS_MAX)
    return Analysis(
        store_image=any(map(_says_shop, labels)) or any(_says_shop(logo) or words_of_shops(logo) for logo in logos),
        text_content=text,
        store_name=logos[0] if logos else _largest_line(response.fullTextAnnotation.pages),
        business_contact=contacts_in(text),
        image_description=in_one_line(", ".join(labels[:LABELS_TOLD]), FIELD_CHARACTERS_MAX),
    )


def _best_first(entities: Sequence[_Entity]) -> list[str]:
    ordered = sorted(entities[:100], key=lambda entity: entity.score, reverse=True)
    named = (in_one_line(entity.description, FIELD_CHARACTERS_MAX) for entity in ordered)
    return list(dict.fromkeys(filter(None, named)))


def _says_shop(label: str) -> bool:
    return not SHOP_LABELS.isdisjoint(label.casefold().replace("-", " ").split())


def _largest_line(pages: Sequence[_Page]) -> str:
    if not pages:
        return ""
    lines = [line for _, line in zip(range(LINES_MAX), _lines(pages[0]), strict=False)]
    return in_one_line(most_prominent_line(lines, int(pages[0].width), int(pages[0].height)), FIELD_CHARACTERS_MAX)


def _lines(page: _Page) -> Iterator[Line]:
    """The lines of a page: words up to one whose last symbol says that the line ends, or to the paragraph's end."""
    for block in page.blocks:
        for paragraph in block.paragraphs:
            line: list[_Word] = []
            for word in paragraph.words:
                line.append(word)
                if _ends_line(word):
                    yield _line(line)
                    line = []
            if line:
                yield _line(line)


def _ends_line(word: _Word) -> bool:
    return bool(word.symbols) and word.symbols[-1].property.detectedBreak.type in ("EOL_SURE_SPACE", "LINE_BREAK")


def _line(words: Sequence[_Word]) -> Line:
    """One line of the words, as high as the highest of them."""
    corners = [vertex for word in words for vertex in word.boundingBox.vertices] or [_Vertex()]
    heights = [_height(word.boundingBox.vertices) for word in words]
    left, top = min(corner.x for corner in corners), min(corner.y for corner in corners)
    return Line(
        text=in_one_line("".join(map(_written, words)), FIELD_CHARACTERS_MAX),
        height=max(heights, default=0.0),
        width=max(corner.x for corner in corners) - left,
        left=left,
        top=top,
        confidence=min(1.0, max(0.0, min((word.confidence for word in words), default=1.0))),
    )


def _written(word: _Word) -> str:
    """The word, and a blank where one follows."""
    breaks = bool(word.symbols) and word.symbols[-1].property.detectedBreak.type in ("SPACE", "SURE_SPACE")
    return "".join(symbol.text for symbol in word.symbols) + (" " if breaks else "")


def _height(vertices: Sequence[_Vertex]) -> float:
    """Of upright letters; a word on its side is as high as it is narrow."""
    if not vertices:
        return 0.0
    xs, ys = [vertex.x for vertex in vertices], [vertex.y for vertex in vertices]
    return min(max(ys) - min(ys), max(xs) - min(xs))
