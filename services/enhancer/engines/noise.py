"""Noise: how much of it there is, and taking it out.

Measured as the weakest response of blocks to a filter that edges leave cold (Immerkaer 1996); taken out by shrinking
the fine layers of an undecimated wavelet transform where they hold no more than noise would (a local Wiener filter).
Colours are turned to one of brightness and two of colour difference first, for the eye wants less detail in those.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyvips

from services.enhancer.engines.measure import centre, ramp, value_of_rank

TO_OPPONENTS = pyvips.Image.new_from_array(
    [
        [1 / math.sqrt(3)] * 3,
        [1 / math.sqrt(2), 0, -1 / math.sqrt(2)],
        [1 / math.sqrt(6), -2 / math.sqrt(6), 1 / math.sqrt(6)],
    ]
)
FROM_OPPONENTS = TO_OPPONENTS.rot90().fliphor()
RESPONSE = pyvips.Image.new_from_array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], math.sqrt(72 / math.pi))
BLOCK_PIXELS, BLOCKS_MIN = 16, 12
QUIET_SHARE = 0.05  # the calmest blocks show the noise alone
DARKEST, LIGHTEST = 12, 243  # blocks beyond are clipped, and calm for that reason
NOISE_START, NOISE_SURE = 3.2, 5.0  # standard deviation, of 255
CODING_START, CODING_SURE = 2.0, 3.0
LAYERS = (0.889, 0.2, 0.086)  # standard deviation of white noise of 1 in each layer
SPLINE = (1, 4, 6, 4, 1)
AREA = pyvips.Image.new_from_list([[1] * 5], scale=5)
CAUTION, COLOUR_CAUTION = 1.3, 3.0  # how many times the noise's energy is taken for noise


@dataclass(frozen=True)
class Noise:
    """Standard deviations, of 255: of the brightness (or of grey), and of both colour differences."""

    brightness: float
    colour: float


def noise_of(picture: pyvips.Image) -> Noise:
    """What is surely noise in 8-bit `picture`, measured in its middle; 0 when there is little."""
    planes = _planes(centre(picture))
    if (planes.width // BLOCK_PIXELS) * (planes.height // BLOCK_PIXELS) < BLOCKS_MIN:
        return Noise(0, 0)
    blocks = [_blocks(plane) for plane in planes.conv(RESPONSE, precision="float").abs().bandsplit()]
    scale = math.sqrt(planes.bands)
    lit = [DARKEST < mean / scale < LIGHTEST for mean in _blocks(planes[0])]
    found = [_quiet([value for value, useful in zip(block, lit, strict=True) if useful]) for block in blocks]
    deviations = [value * ramp(value, NOISE_START * scale, NOISE_SURE * scale) for value in found[:1]]
    deviations += [value * ramp(value, NOISE_START, NOISE_SURE) for value in found[1:]]
    return Noise(deviations[0], sum(deviations[1:]) / 2)


def coding_noise(coarseness: float) -> Noise:
    """What quantizing in steps of `coarseness` (see jpeg.py) does to a JPEG; 0 when hardly visible."""
    deviation = coarseness / 4
    deviation *= ramp(deviation, CODING_START, CODING_SURE)
    return Noise(deviation, deviation)


def denoised(picture: pyvips.Image, noise: Noise) -> pyvips.Image:
    """Take that much noise out."""
    smooth = _planes(picture)
    energies = [CAUTION * noise.brightness**2] + [COLOUR_CAUTION * noise.colour**2] * (smooth.bands - 1)
    detail = None
    for number, share in enumerate(LAYERS):
        smoother = smooth.convsep(_spline(number), precision="float")
        layer = smooth - smoother
        energy = (layer * layer).convsep(AREA, precision="float")
        kept = (energy - [share**2 * each for each in energies]) / (energy + 1e-6)
        layer *= (kept > 0).ifthenelse(kept, 0)
        detail = layer if detail is None else detail + layer
        smooth = smoother
    clean = smooth + detail
    clean = clean.recomb(FROM_OPPONENTS) if clean.bands == 3 else clean
    return clean.rint().cast("uchar").copy(interpretation=picture.interpretation)


def _planes(picture: pyvips.Image) -> pyvips.Image:
    return picture.recomb(TO_OPPONENTS) if picture.bands == 3 else picture.cast("float")


def _blocks(plane: pyvips.Image) -> Sequence[float]:
    """The means of whole blocks."""
    means = plane.shrink(BLOCK_PIXELS, BLOCK_PIXELS).cast("float")
    return memoryview(bytes(means.write_to_memory())).cast("f").tolist()


def _quiet(values: list[float]) -> float:
    return value_of_rank(QUIET_SHARE, values) if len(values) >= BLOCKS_MIN else 0.0


def _spline(layer: int) -> pyvips.Image:
    """The B3 spline with holes, wider for each layer."""
    weights = [0.0] * ((len(SPLINE) - 1) * 2**layer + 1)
    weights[:: 2**layer] = SPLINE
    return pyvips.Image.new_from_list([weights], scale=sum(SPLINE))
