"""How alike two pictures are: structural similarity (1 is the same) and mean colour difference (0 is the same)."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage import color, metrics


@dataclass(frozen=True)
class Likeness:
    """SSIM over the three colours (Wang et al. 2004: Gaussian window) and mean CIEDE2000."""

    ssim: float
    colour_difference: float


def likeness(one: Image.Image, other: Image.Image) -> Likeness:
    """Compare two pictures of equal size."""
    left, right = np.asarray(one.convert("RGB")), np.asarray(other.convert("RGB"))
    ssim = metrics.structural_similarity(
        left, right, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    difference = color.deltaE_ciede2000(color.rgb2lab(left), color.rgb2lab(right)).mean()
    return Likeness(float(ssim), float(difference))
