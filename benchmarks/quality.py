"""How alike two pictures are: structural similarity (1 is the same) and mean colour difference (0 is the same)."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity


@dataclass(frozen=True)
class Likeness:
    """SSIM over the three colours (Wang et al. 2004: Gaussian window) and mean CIEDE2000."""

    ssim: float
    colour_difference: float


def likeness(one: Image.Image, other: Image.Image) -> Likeness:
    """Compare two pictures of equal size."""
    left, right = np.asarray(one.convert("RGB")), np.asarray(other.convert("RGB"))
    ssim = structural_similarity(
        left, right, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    difference = deltaE_ciede2000(rgb2lab(left), rgb2lab(right)).mean()
    return Likeness(float(ssim), float(difference))


def mean(likenesses: list[Likeness]) -> Likeness:
    """The means of both."""
    count = len(likenesses)
    return Likeness(
        sum(each.ssim for each in likenesses) / count, sum(each.colour_difference for each in likenesses) / count
    )
