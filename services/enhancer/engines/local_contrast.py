"""Local contrast: shapes that hardly stand out from what is around them, although the picture has dark and light."""

import pyvips

from services.enhancer.engines.measure import brightness, contrast, ramp, value_of_rank

BLOCKS_ACROSS = 16
LIVELY_SHARE = 0.9  # of the blocks, so that skies and soft backgrounds don't count
FLAT_START, FLAT_SURE = 24.0, 13.0  # standard deviation in a lively block, of 255
PLAIN = 3.0  # less is a plain area or a fine texture, and meant so
AROUND = 30  # the longest side in radii of what is around
AMOUNT = 1.0
TAIL = 0.05


def flatness_of(small: pyvips.Image) -> float:
    """How much of the usual local contrast a thumbnail lacks, 0 to 1."""
    bright = brightness(small)
    size = max(1, max(bright.width, bright.height) // BLOCKS_ACROSS)
    blocks = [
        contrast(bright.crop(left, top, size, size))
        for top in range(0, bright.height - size + 1, size)
        for left in range(0, bright.width - size + 1, size)
    ]
    lively = value_of_rank(LIVELY_SHARE, blocks)
    return ramp(lively, FLAT_START, FLAT_SURE) if lively > PLAIN else 0.0


def enlivened(picture: pyvips.Image, small: pyvips.Image, flatness: float) -> pyvips.Image:
    """Lift what differs from its surroundings, which are seen well enough in the thumbnail."""
    around = brightness(small).gaussblur(max(small.width, small.height) / AROUND, precision="float", min_ampl=TAIL)
    around = around.resize(picture.width / small.width, vscale=picture.height / small.height, kernel="linear")
    around = around.crop(0, 0, picture.width, picture.height)
    lifted = picture + (brightness(picture) - around) * (AMOUNT * flatness)
    return lifted.rint().cast("uchar").copy(interpretation=picture.interpretation)
