"""Enhancing within the limits that every worker has."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from client.pictures import paint
from services.enhancer.sandbox import Rendered, Sandbox

SIDE_MAX = 4_096


def enhance(side: int) -> dict[str, object]:
    return {"operation": "enhance", "provider": "local", "params": {"side": side}}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 megapixels, dark and hazy, so that there is something to do."""
    path = tmp_path_factory.mktemp("pictures") / "large.jpg"
    small = pyvips.Image.new_from_array(np.asarray(paint(6, 816, 612)))
    (small.resize(10) * 0.4 + 30).cast("uchar").jpegsave(str(path), Q=60)
    return path


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that takes every step, and is then enlarged to the largest size."""
    path = tmp_path_factory.mktemp("pictures") / "noisy.jpg"
    picture = np.asarray(paint(6, 1600, 1200)) * 0.4 + np.random.default_rng(1).normal(20, 9, (1200, 1600, 3))
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return path


async def rendered(source: Path, output: Path, side: int) -> Rendered:
    async with Sandbox.open(1) as sandbox:
        return await sandbox.render(source, output, enhance(side))


async def test_a_very_large_picture_is_enhanced_at_the_largest_size(large: Path, tmp_path: Path) -> None:
    made = await rendered(large, tmp_path / "output.jpg", SIDE_MAX)
    assert (made.format, made.width, made.height) == ("jpeg", SIDE_MAX, 3_072)
    with Image.open(tmp_path / "output.jpg") as picture:
        assert picture.size == (SIDE_MAX, 3_072)
        assert np.percentile(np.asarray(picture.convert("L")), 99) > 200


async def test_a_noisy_picture_is_enhanced_and_enlarged_to_the_largest_size(noisy: Path, tmp_path: Path) -> None:
    made = await rendered(noisy, tmp_path / "output.jpg", SIDE_MAX)
    assert (made.width, made.height) == (SIDE_MAX, 3_072)


async def test_every_worker_gives_the_same_bytes(noisy: Path, tmp_path: Path) -> None:
    async with Sandbox.open(2) as sandbox:
        outputs = [tmp_path / "first.jpg", tmp_path / "second.jpg"]
        made = await asyncio.gather(*(sandbox.render(noisy, output, enhance(1_000)) for output in outputs))
    assert made[0].digest == made[1].digest
