"""How pictures are turned, judged against Pillow as an independent writer and reader."""

import io
import random
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from client.pictures import EXIF_ORIENTATION
from shared.orientation import upright_size
from shared.sniff import sniff

WIDTH, HEIGHT = 37, 21
TURNED = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]


def encoded(format: str, orientation: int | None, **options: object) -> bytes:
    """A picture that says how it is turned; None: it says nothing."""
    picture = Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB")
    buffer = io.BytesIO()
    if orientation is not None:
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        options["exif"] = exif if format == "TIFF" else exif.tobytes()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def upright(folder: Path, content: bytes) -> tuple[int, int]:
    """What is read of a file's content."""
    path = folder / "picture"
    path.write_bytes(content)
    return upright_size(path, sniff(path))


@pytest.mark.parametrize("format", TURNED)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_upright_size_is_the_one_that_is_seen(format: str, orientation: int, tmp_path: Path) -> None:
    content = encoded(format, orientation)
    with Image.open(io.BytesIO(content)) as opened:
        seen = ImageOps.exif_transpose(opened).size
    assert upright(tmp_path, content) == seen
    assert seen == ((WIDTH, HEIGHT) if orientation < 5 else (HEIGHT, WIDTH))


@pytest.mark.parametrize("format", [*TURNED, "GIF", "BMP"])
def test_a_picture_that_does_not_say_how_it_is_turned_stands_upright(format: str, tmp_path: Path) -> None:
    assert upright(tmp_path, encoded(format, None)) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("orientation", [0, 9, 255, 65_535])
def test_an_orientation_that_there_is_not_is_none(orientation: int, tmp_path: Path) -> None:
    assert upright(tmp_path, encoded("JPEG", orientation)) == (WIDTH, HEIGHT)


def test_exif_behind_other_segments_is_found(tmp_path: Path) -> None:
    content = encoded("JPEG", 6)
    other = b"\xff\xe1\x00\x0chttp://ns/" + b"\xff\xfe\x00\x04hi"
    assert upright(tmp_path, content[:2] + other + content[2:]) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("format", TURNED)
def test_damaged_headers_are_read_somehow_and_never_crash(format: str, tmp_path: Path) -> None:
    dice = random.Random(format)
    content, path = encoded(format, 6), tmp_path / "picture"
    path.write_bytes(content)
    found = sniff(path)
    seen = set()
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(dice.randint(1, 12)):
            damaged[dice.randrange(min(len(damaged), 400))] = dice.choice((0, 0xFF, dice.randrange(256)))
        path.write_bytes(damaged[: dice.randint(1, len(damaged) * 2)])
        seen.add(upright_size(path, found))
    assert seen == {(WIDTH, HEIGHT), (HEIGHT, WIDTH)}
