"""Colours as the web expects them: 8-bit sRGB or grey, whatever the source was stored in."""

from functools import lru_cache
from itertools import product

import pyvips

PROFILE = "icc-profile-data"
SAME_COLOUR_MAX = 2
STEPS = bytes(range(0, 256, 15))


def to_srgb(image: pyvips.Image) -> pyvips.Image:
    """Return 8-bit sRGB or grey, alpha kept; profiles are obeyed, CMYK without one is taken for common print."""
    grey = _colour_bands(image) == 1
    if image.interpretation == "cmyk":
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk")
    elif needs_conversion(image):
        image = _obey_profile(image)
    if grey or image.interpretation in ("b-w", "grey16"):
        return image.colourspace("b-w")
    return image.colourspace("srgb")


def needs_conversion(image: pyvips.Image) -> bool:
    """Whether showing the stored numbers as sRGB would show other colours than the picture's profile means."""
    if image.interpretation == "cmyk":
        return True
    if not image.get_typeof(PROFILE) or image.interpretation not in ("srgb", "b-w", "rgb16", "grey16"):
        return False
    return not _is_srgb(image.get(PROFILE), _colour_bands(image))


def _colour_bands(image: pyvips.Image) -> int:
    return int(image.bands) - int(image.hasalpha())


def _obey_profile(image: pyvips.Image) -> pyvips.Image:
    """Convert with the embedded profile; one that is broken or of another colour model says nothing, so is ignored."""
    try:
        return image.icc_transform("srgb", embedded=True)
    except pyvips.Error:
        return image


@lru_cache(maxsize=16)
def _is_srgb(profile: bytes, bands: int) -> bool:
    """Whether a profile is sRGB by another name (most are), judged on a cube of colours.

    Saves the conversion, which costs more than the encoding.
    """
    colours = b"".join(bytes(colour) for colour in product(STEPS, repeat=bands))
    count = len(colours) // bands
    chart = pyvips.Image.new_from_memory(colours, count, 1, bands, "uchar")
    chart = chart.copy(interpretation="srgb" if bands == 3 else "b-w")
    chart.set_type(pyvips.GValue.blob_type, PROFILE, profile)
    try:
        seen = chart.icc_transform("srgb", embedded=True)
        return bool((seen - chart).abs().max() <= SAME_COLOUR_MAX)
    except pyvips.Error:
        return True
