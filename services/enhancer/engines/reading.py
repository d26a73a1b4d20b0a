"""Text in pictures: PP-OCR models by rapidocr on ONNX Runtime. They are inside the wheel; nothing is ever fetched.

Finding lines costs the same for any picture of a size, reading them grows with their number: lines are read one by
one, the largest letters first, until a fixed amount of work is done. So a full page costs seconds, not minutes, memory
stays flat, and the same picture gives the same answer on a slow machine.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import pyvips
import rapidocr
from rapidocr.utils.process_img import get_rotate_crop_image

from services.enhancer.signs import Line

MODELS = Path(rapidocr.__file__).parent / "models"
DETECTION, RECOGNITION = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
# What is not said is as it was said last.
FINDING = {"use_det": True, "use_cls": False, "use_rec": False}
READING = {"use_det": False, "use_cls": False, "use_rec": True}
RATIO_MAX = 4  # of the sides: the models enlarge what is narrower without a limit
LINES_MAX = 200
LETTER_PIXELS = 48  # to which the recognition scales a line's height
COLUMNS_MAX = 80_000  # of lines at that height, read in one picture: some forty lines of a page
CONFIDENCE_MIN = 0.5
CONFIDENCE_SURE = 0.95  # with less a line may stand on its head; the classifier of turns errs more often than this
UPRIGHT_RATIO = 1.5  # lines that are so much higher than wide are turned before they are read


@lru_cache(maxsize=1)
def reader() -> Any:
    """The models, loaded once per process: each when it is first needed."""
    alone = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    models = {"Det": DETECTION, "Rec": RECOGNITION}
    paths = {f"{name}.model_path": str(MODELS / file) for name, file in models.items()}  # else they might be fetched
    return rapidocr.RapidOCR(params={"Global.log_level": "critical", **alone, **paths})


def lines_in(picture: pyvips.Image) -> list[Line]:
    """The lines of text in 8-bit RGB `picture`, from top to bottom, where they are in it."""
    pixels = _padded(picture).numpy()[:, :, ::-1]  # the models want blue first
    boxes = reader()(pixels, **FINDING).boxes
    places = [_place(box) for box in (boxes if boxes is not None else ())]
    read: dict[int, Line] = {}
    for number in _worth_reading(places):
        text, confidence = _read(get_rotate_crop_image(pixels, boxes[number]))
        if confidence >= CONFIDENCE_MIN and any(character.isalnum() for character in text):
            left, top, width, height = places[number]
            read[number] = Line(text, height, width, left, top, confidence)
    return [read[number] for number in sorted(read)]


def _read(pixels: Any) -> tuple[str, float]:
    """The text of one line, and how sure it is; turned by half when it makes more sense so."""
    text, confidence = _recognized(pixels)
    if confidence < CONFIDENCE_SURE:
        return max((text, confidence), _recognized(pixels[::-1, ::-1]), key=lambda said: said[1])
    return text, confidence


def _recognized(pixels: Any) -> tuple[str, float]:
    said = reader()(pixels, **READING)
    return (said.txts[0].strip(), float(said.scores[0])) if said.txts else ("", 0.0)


def _worth_reading(places: list[tuple[float, float, float, float]]) -> list[int]:
    """The numbers of those lines that are read, the largest letters first."""
    chosen, columns = [], 0.0
    for number in sorted(range(len(places)), key=lambda number: -places[number][3])[:LINES_MAX]:
        _left, _top, width, height = places[number]
        columns += LETTER_PIXELS * width / max(1.0, height)
        if columns > COLUMNS_MAX:
            break
        chosen.append(number)
    return chosen


def _place(box: Any) -> tuple[float, float, float, float]:
    """Left, top, width and height of a line, the last being that of its letters, however it is turned."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = ((float(x), float(y)) for x, y in box)
    along = (((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 + ((x2 - x3) ** 2 + (y2 - y3) ** 2) ** 0.5) / 2
    across = (((x3 - x0) ** 2 + (y3 - y0) ** 2) ** 0.5 + ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5) / 2
    if across >= UPRIGHT_RATIO * along:
        along, across = across, along
    return min(x0, x1, x2, x3), min(y0, y1, y2, y3), along, across


def _padded(picture: pyvips.Image) -> pyvips.Image:
    """The picture in a corner of one that is not much longer than it is wide."""
    width, height = picture.width, picture.height
    wanted = max(width, -(-height // RATIO_MAX)), max(height, -(-width // RATIO_MAX))
    return picture if wanted == (width, height) else picture.embed(0, 0, *wanted)
