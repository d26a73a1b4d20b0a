"""What the local analyser reads in drawn pictures."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from services.enhancer.engines import reading
from shared.facts import Analysis
from tests.golden.pictures import MAIL, corners, file_of, page, photograph, shop_front

Analyze = Callable[[bytes], Analysis]

ORIENTATION = 0x0112
TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
KINDS: list[tuple[str, str, dict[str, Any]]] = [
    ("RGB", "JPEG", {"quality": 90}),
    ("CMYK", "JPEG", {"quality": 90}),
    ("L", "PNG", {}),
    ("RGBA", "PNG", {}),
    ("P", "GIF", {}),
    ("RGB", "WEBP", {}),
    ("RGB", "TIFF", {}),
    ("RGB", "BMP", {}),
]


def assert_tells_of_the_bakery(analysis: Analysis) -> None:
    assert analysis.store_image
    assert analysis.store_name == "GOLDEN BAKERY"
    assert analysis.business_contact == f"030 123 4567, {MAIL}"
    assert analysis.text_content.split("\n")[0] == "GOLDEN BAKERY"


def test_a_shop_front_is_told_by_its_sign(analysis: Analyze) -> None:
    found = analysis(file_of(shop_front()))
    assert_tells_of_the_bakery(found)
    assert found.image_description == "Landscape picture, mostly blue, red and grey, sharp; some text."


@pytest.mark.parametrize(("mode", "format", "options"), KINDS, ids=[f"{kind[1]}-{kind[0]}" for kind in KINDS])
def test_a_sign_is_read_in_every_format(mode: str, format: str, options: dict[str, Any], analysis: Analyze) -> None:
    assert_tells_of_the_bakery(analysis(file_of(shop_front().convert(mode), format, **options)))


@pytest.mark.parametrize("orientation", TURNS)
def test_a_picture_is_turned_upright_before_it_is_read(orientation: int, analysis: Analyze) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    found = analysis(file_of(shop_front().transpose(TURNS[orientation]), exif=exif))
    assert_tells_of_the_bakery(found)
    assert found.image_description.startswith("Landscape")


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_text_that_is_turned_in_the_picture_itself_is_read(degrees: int, analysis: Analyze) -> None:
    found = analysis(file_of(shop_front().rotate(degrees, expand=True)))
    assert "GOLDEN BAKERY" in found.text_content
    assert MAIL in found.business_contact


def test_the_first_frame_of_an_animation_is_read(analysis: Analyze) -> None:
    frames = [shop_front(), Image.new("RGB", (1_200, 900), "white")]
    content = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert_tells_of_the_bakery(analysis(content))


def test_a_picture_larger_than_analysers_take_is_read(analysis: Analyze) -> None:
    assert_tells_of_the_bakery(analysis(file_of(shop_front(3_600, 2_700))))


@pytest.mark.parametrize("picture", [corners(), photograph(), Image.new("1", (9, 9))], ids=["corners", "soft", "black"])
def test_a_picture_without_text_has_a_description_and_nothing_else(picture: Image.Image, analysis: Analyze) -> None:
    found = analysis(file_of(picture, "PNG"))
    assert found.image_description.endswith("; no text.")
    assert found == Analysis(image_description=found.image_description)


@pytest.mark.parametrize("size", [(1, 1), (1, 3_000), (3_000, 1), (2, 65_000), (30, 2_000)], ids=str)
def test_pictures_of_any_shape_are_analysed(size: tuple[int, int], analysis: Analyze) -> None:
    found = analysis(file_of(Image.new("RGB", size, (20, 90, 200)), "PNG"))
    assert "mostly blue, plain; no text." in found.image_description


def test_a_page_is_much_text_and_no_shop(analysis: Analyze) -> None:
    found = analysis(file_of(page(30, 18, side=1_000)))
    assert not found.store_image
    assert found.text_content.startswith("0 the quick brown fox")
    assert found.image_description.endswith("much text.")


def test_of_more_text_than_is_worth_the_time_the_largest_is_read(
    analysis: Analyze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "COLUMNS_MAX", 500)
    assert analysis(file_of(shop_front())).text_content == "GOLDEN BAKERY"


def test_nothing_is_fetched(analysis: Analyze, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> None:
        raise AssertionError("Something wants to reach another machine.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    reading.reader.cache_clear()
    assert_tells_of_the_bakery(analysis(file_of(shop_front())))


def test_models_that_are_not_there_are_not_fetched_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "DETECTION", "another.onnx")
    reading.reader.cache_clear()
    with pytest.raises(FileNotFoundError):
        reading.lines_in(reading_canvas())
    reading.reader.cache_clear()


def reading_canvas() -> Any:
    return reading.pyvips.Image.black(64, 64, bands=3)
