"""A picture described in a sentence, by what can be measured: shape, colours, light, sharpness, amount of text.

Nothing here knows what a picture shows. The limits are heuristics, chosen by looking at photographs.
"""

import colorsys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SQUARE_RATIO_MAX = 1.05
COLOURS_MAX = 3
COLOUR_SHARE_MIN = 0.12
BLACK_MAX, WHITE_MIN, GREY_SATURATION_MAX = 0.18, 0.85, 0.15  # of 0..1
BROWN_VALUE_MAX, PINK_SATURATION_MAX = 0.6, 0.5
HUES = ((15, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (195, "turquoise"), (255, "blue"), (290, "purple"))
LAST_HUES = ((335, "pink"), (360, "red"))
DARK_MAX, BRIGHT_MIN = 70, 185  # of 0..255
PLAIN_MAX, WEAK_MAX, STRONG_MIN = 4, 25, 70  # standard deviations of 0..255
SHARP_MAX, SOFT_MAX = 1.2, 2.0  # pixels
LITTLE_TEXT_MAX, SOME_TEXT_MAX = 30, 200  # characters


@dataclass(frozen=True, slots=True)
class Look:
    """What was measured. Brightness and contrast (mean and standard deviation) of 0..255; the edges' blur in pixels.

    colours: names, the most frequent first; blur 0: there are no edges; characters: of the text in the picture.
    """

    width: int
    height: int
    brightness: float
    contrast: float
    blur: float
    colours: tuple[str, ...] = field(default=())
    characters: int = 0


def describe(look: Look) -> str:
    """One sentence, e.g. "Landscape picture, mostly red and white, bright, with strong contrast, sharp; some text."."""
    parts = [f"{_shape(look.width, look.height)} picture"]
    if look.colours:
        parts.append(f"mostly {_listed(look.colours)}")
    parts += [part for part in (_light(look.brightness), _contrast(look.contrast), _sharpness(look)) if part]
    return f"{', '.join(parts)}; {_amount_of_text(look.characters)}."


def dominant_colours(pixels: Iterable[tuple[int, int, int]]) -> tuple[str, ...]:
    """The names of the colours that most of the pixels (RGB, 0..255) have, the most frequent first."""
    counted = Counter(colour_name(*pixel) for pixel in pixels)
    total = counted.total()
    return tuple(name for name, count in counted.most_common(COLOURS_MAX) if count >= COLOUR_SHARE_MIN * total)


def colour_name(red: int, green: int, blue: int) -> str:
    """What people call a colour."""
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value <= BLACK_MAX:
        return "black"
    if saturation <= GREY_SATURATION_MAX:
        return "white" if value >= WHITE_MIN else "grey"
    degrees = hue * 360
    name = next(name for until, name in (*HUES, *LAST_HUES) if degrees <= until)
    if name == "orange" and value <= BROWN_VALUE_MAX:
        return "brown"
    if name == "red" and saturation <= PINK_SATURATION_MAX and value >= BROWN_VALUE_MAX:
        return "pink"
    return name


def _shape(width: int, height: int) -> str:
    if max(width, height) <= SQUARE_RATIO_MAX * min(width, height):
        return "Square"
    return "Landscape" if width > height else "Portrait"


def _listed(names: tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _light(brightness: float) -> str:
    if brightness <= DARK_MAX:
        return "dark"
    return "bright" if brightness >= BRIGHT_MIN else ""


def _contrast(contrast: float) -> str:
    if contrast <= PLAIN_MAX:
        return "plain"
    if contrast <= WEAK_MAX:
        return "with weak contrast"
    return "with strong contrast" if contrast >= STRONG_MIN else ""


def _sharpness(look: Look) -> str:
    if look.contrast <= PLAIN_MAX or not look.blur:
        return ""
    if look.blur <= SHARP_MAX:
        return "sharp"
    return "slightly soft" if look.blur <= SOFT_MAX else "blurred"


def _amount_of_text(characters: int) -> str:
    if not characters:
        return "no text"
    if characters <= LITTLE_TEXT_MAX:
        return "a little text"
    return "some text" if characters <= SOME_TEXT_MAX else "much text"
