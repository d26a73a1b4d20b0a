"""analyze: what a picture shows, as far as its text and what can be measured tell."""

from pathlib import Path

import pyvips

from services.enhancer.analysis import JPEG_SIDE_PIXELS_MAX
from services.enhancer.contacts import contacts_in
from services.enhancer.describing import Look, describe, dominant_colours
from services.enhancer.engines.measure import brightness, contrast, thumbnail
from services.enhancer.engines.reading import lines_in
from services.enhancer.engines.sharpness import blur_of
from services.enhancer.engines.vips import open_picture, scaled
from services.enhancer.signs import looks_like_a_shop_front, most_prominent_line
from shared.facts import Analysis
from shared.sniff import Sniffed

WHITE = 255
COLOUR_PIXELS = 64


def analyze(source: Path, found: Sniffed) -> Analysis:
    """Read and measure the picture; a part of which nothing is found stays empty."""
    picture = open_picture(source, found, scaled(found.width, found.height, JPEG_SIDE_PIXELS_MAX)).image
    if picture.hasalpha():
        picture = picture.flatten(background=[WHITE])
    picture = picture.colourspace("srgb").copy_memory()  # looked at several times
    lines = lines_in(picture)
    text = "\n".join(line.text for line in lines)
    return Analysis(
        store_image=looks_like_a_shop_front(lines, picture.width, picture.height),
        text_content=text,
        store_name=most_prominent_line(lines, picture.width, picture.height),
        business_contact=contacts_in(text),
        image_description=describe(_look_of(picture, len(text))),
    )


def _look_of(picture: pyvips.Image, characters: int) -> Look:
    bright = brightness(thumbnail(picture))
    small = picture.thumbnail_image(COLOUR_PIXELS, height=COLOUR_PIXELS, size="force")
    values = bytes(small.write_to_memory())
    return Look(
        width=picture.width,
        height=picture.height,
        brightness=float(bright.avg()),
        contrast=contrast(bright),
        blur=blur_of(picture),
        colours=dominant_colours(zip(values[::3], values[1::3], values[2::3], strict=True)),
        characters=characters,
    )
