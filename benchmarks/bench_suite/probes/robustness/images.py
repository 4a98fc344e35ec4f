"""Corrupted images: MNIST-C's definitions for grey pictures and CIFAR-10-C's for colour ones, written anew and seeded.

Sources: Mu and Gilmer 2019, arXiv 1906.02337 (MNIST-C); Hendrycks and Dietterich 2019, arXiv 1903.12261 (CIFAR-10-C).
Both were published for one size of pictures, 28 and 32 pixels. Here, lengths in pixels grow with the shorter side, so
that pictures of any size are corrupted as much; at the published size they are the published ones.

These definitions are not in the publications. `rotation` and `translation` of colour pictures are those of MNIST-C.
`occlusion` covers a square with the picture's mean colour, as Cutout does in training (DeVries and Taylor 2017, arXiv
1708.04552). MNIST-C's blur runs along one side only, because its code takes the other one for channels; `blur` here
runs along both.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from bench_suite.probes.robustness.draws import generators

GREY_SIDE, COLOUR_SIDE = 28, 32
"Sides, in pixels, of the pictures for which MNIST-C and CIFAR-10-C state their amounts."

MAX_VALUES = 2**22
"Values that are corrupted at once: 32 MB of 64 bits each."

Draws = Sequence[np.random.Generator]
"One generator for each image."
Change = Callable[[np.ndarray, float, Draws], np.ndarray]
"Takes images (k, H, W, C) float64 in 0..1, the amount and k generators; returns images of the same shape."


@dataclass(frozen=True)
class Corruption:
    """A corruption of images, and how much of it each severity is."""

    change: Change
    grey: tuple[float, ...]
    "Amount at the severities 1 to 5 for grey pictures, as MNIST-C states it."
    colour: tuple[float, ...]
    "The same for colour pictures, as CIFAR-10-C states it."
    sides: tuple[int, int] | None = None
    "If the amount is a length in pixels: the shorter side of grey and of colour pictures for which it is stated."
    random: bool = False
    "Whether it draws random numbers."

    def amount(self, severity: int, shape: Sequence[int]) -> float:
        """Return the amount for pictures of a shape (H, W, C)."""
        colour = shape[2] > 1
        amount = (self.colour if colour else self.grey)[severity - 1]
        return amount if self.sides is None else amount * min(shape[:2]) / self.sides[colour]


def corrupt_images(images: np.ndarray, name: str, severity: int) -> np.ndarray:
    """Return corrupted images.

    Args:
        images: (k, H, W, 1 or 3) uint8.
        name: a key of `CORRUPTIONS`.
        severity: 1 to 5.

    Returns:
        The same shape, uint8: fractions are cut off, as in the published data sets.
    """
    corruption = CORRUPTIONS[name]
    amount = corruption.amount(severity, images.shape[1:])
    at_once = max(1, MAX_VALUES // max(1, images[0].size)) if len(images) else 1
    parts = [images[start : start + at_once] for start in range(0, len(images), at_once)]
    corrupted = [images[:0]]
    for part in parts:
        draws = generators((image.tobytes() for image in part), name) if corruption.random else ()
        corrupted.append(to_bytes(corruption.change(part / 255.0, amount, draws)))
    return np.concatenate(corrupted)


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Return images in 0..1, cut to this range, as uint8."""
    return (np.clip(images, 0, 1) * 255).astype(np.uint8)


# ── values ──────────────────────────────────────────────────────────────────────────────────────


def gaussian_noise(images: np.ndarray, deviation: float, draws: Draws) -> np.ndarray:
    """Add independent normal noise of a standard deviation, as a share of the range of values."""
    return add_noise(images, deviation, np.stack([draw.standard_normal(images.shape[1:]) for draw in draws]))


def add_noise(images: np.ndarray, deviation: float, normal: np.ndarray) -> np.ndarray:
    """Add standard normal values times the standard deviation."""
    return images + deviation * normal


def brightness(images: np.ndarray, added: float, draws: Draws = ()) -> np.ndarray:
    """Raise the value of HSV, which is the largest channel, and keep hue and saturation."""
    value = images.max(axis=3, keepdims=True)
    brighter = np.clip(value + added, 0, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = images / value * brighter
    return np.where(value > 0, scaled, brighter)  # black has no hue: it becomes grey


def contrast(images: np.ndarray, factor: float, draws: Draws = ()) -> np.ndarray:
    """Move all values towards the mean of their channel in the picture."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return (images - mean) * factor + mean


# ── sharpness ───────────────────────────────────────────────────────────────────────────────────


def blur(images: np.ndarray, deviation: float, draws: Draws = ()) -> np.ndarray:
    """Average over neighbours with a Gaussian kernel of a standard deviation in pixels; the border repeats itself."""
    return gaussian_filter(images, (0, deviation, deviation, 0), mode="nearest", truncate=4.0)


def jpeg(images: np.ndarray, quality: float, draws: Draws = ()) -> np.ndarray:
    """Compress with a quality of JPEG, 1 to 95, and decompress."""

    def compressed(picture: Image.Image) -> Image.Image:
        sink = io.BytesIO()
        picture.save(sink, "JPEG", quality=int(quality))
        return Image.open(sink)

    return _by_picture(images, compressed)


def pixelate(images: np.ndarray, share: float, draws: Draws = ()) -> np.ndarray:
    """Shrink both sides to a share by averaging boxes, and enlarge them again."""
    height, width = images.shape[1:3]
    small = max(1, int(width * share)), max(1, int(height * share))
    box = Image.Resampling.BOX
    return _by_picture(images, lambda picture: picture.resize(small, box).resize((width, height), box))


def _by_picture(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """Change each image as a picture of Pillow. Values are multiples of 1/255, so nothing is lost."""
    pixels = np.rint(images * 255).astype(np.uint8)
    grey = pixels.shape[3] == 1
    changed = [np.asarray(change(Image.fromarray(image[..., 0] if grey else image))) for image in pixels]
    stacked = np.stack(changed)
    return (
        stacked[..., None] if grey else stacked
    ) / 255 + 1e-9  # cut off later: 0.1 / 255 * 255 must not lose a level


# ── position ────────────────────────────────────────────────────────────────────────────────────


def rotation(images: np.ndarray, angle: float, draws: Draws) -> np.ndarray:
    """Turn by an angle in radians about the middle, in a direction that is drawn; what comes from outside is black."""
    return _by_sign(images, [_sign(draw) for draw in draws], lambda part, sign: rotated(part, sign * angle))


def rotated(images: np.ndarray, angle: float) -> np.ndarray:
    """Turn images by an angle in radians about the middle."""
    height, width = images.shape[1:3]
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    cosine, sine = np.cos(angle), np.sin(angle)
    from_columns = cosine * columns - sine * rows + middle_column - cosine * middle_column + sine * middle_row
    from_rows = sine * columns + cosine * rows + middle_row - sine * middle_column - cosine * middle_row
    return sampled(images, from_rows, from_columns)


def translation(images: np.ndarray, pixels: float, draws: Draws) -> np.ndarray:
    """Move along both sides by a number of pixels, in directions that are drawn; what comes from outside is black."""
    horizontal = [_sign(draw) for draw in draws]
    vertical = [_sign(draw) for draw in draws]
    signs = [2 * first + second for first, second in zip(horizontal, vertical)]  # −3, −1, 1 or 3

    def moved(part: np.ndarray, signs: int) -> np.ndarray:
        second = -1 if signs in (-3, 1) else 1
        return translated(part, pixels * (signs - second) / 2, pixels * second)

    return _by_sign(images, signs, moved)


def translated(images: np.ndarray, right: float, down: float) -> np.ndarray:
    """Return images in which each pixel is read `right` columns and `down` rows further on."""
    height, width = images.shape[1:3]
    rows, columns = np.meshgrid(np.arange(height) + down, np.arange(width) + right, indexing="ij")
    return sampled(images, rows, columns)


def occlusion(images: np.ndarray, share: float, draws: Draws) -> np.ndarray:
    """Cover a square, whose side is a share of the shorter side, with the mean colour at a position that is drawn."""
    changed = images.copy()
    height, width = images.shape[1:3]
    side = max(1, round(share * min(height, width)))
    for image, draw in zip(changed, draws):
        top, left = (int(draw.random() * (length - side + 1)) for length in (height, width))
        image[top : top + side, left : left + side] = image.mean(axis=(0, 1))
    return changed


def sampled(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Read images at positions between pixels, by bilinear interpolation; outside, pixels are black.

    Args:
        images: (k, H, W, C).
        rows: (H, W) positions.
        columns: (H, W) positions.
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = np.clip(rows, -1, height) + 1, np.clip(columns, -1, width) + 1
    top, left = (np.minimum(np.floor(at).astype(np.int64), most) for at, most in ((rows, height), (columns, width)))
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    upper = (1 - right) * padded[:, top, left] + right * padded[:, top, left + 1]
    lower = (1 - right) * padded[:, top + 1, left] + right * padded[:, top + 1, left + 1]
    return (1 - down) * upper + down * lower


def _sign(draw: np.random.Generator) -> int:
    return 1 if draw.random() < 0.5 else -1


def _by_sign(images: np.ndarray, signs: Sequence[int], change: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Change together the images of each sign."""
    changed, of_image = np.empty_like(images), np.array(signs)
    for sign in np.unique(of_image).tolist():
        changed[of_image == sign] = change(images[of_image == sign], sign)
    return changed


ANGLES = (0.2, 0.4, 0.6, 0.8, 1.0)
PIXELS = (1.0, 2.0, 3.0, 4.0, 5.0)
COVERED = (0.1, 0.2, 0.3, 0.4, 0.5)
CORRUPTIONS = {
    "gaussian_noise": Corruption(
        gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38), (0.04, 0.06, 0.08, 0.09, 0.10), random=True
    ),
    "blur": Corruption(blur, (1, 2, 3, 4, 6), (0.4, 0.6, 0.7, 0.8, 1.0), (GREY_SIDE, COLOUR_SIDE)),
    "brightness": Corruption(brightness, (0.1, 0.2, 0.3, 0.4, 0.5), (0.05, 0.1, 0.15, 0.2, 0.3)),
    "contrast": Corruption(contrast, (0.4, 0.3, 0.2, 0.1, 0.05), (0.75, 0.5, 0.4, 0.3, 0.15)),
    "jpeg": Corruption(jpeg, (25, 18, 15, 10, 7), (80, 65, 58, 50, 40)),
    "pixelate": Corruption(pixelate, (0.6, 0.5, 0.4, 0.3, 0.25), (0.95, 0.9, 0.85, 0.75, 0.65)),
    "rotation": Corruption(rotation, ANGLES, ANGLES, random=True),
    "translation": Corruption(translation, PIXELS, PIXELS, (GREY_SIDE, GREY_SIDE), random=True),
    "occlusion": Corruption(occlusion, COVERED, COVERED, random=True),
}
"By name, in the order of reports."
