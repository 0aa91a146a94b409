"""Draw the invented world: a culture's motif and colours behind a grey thing.

The background is the only trace of culture in a picture; the thing in the middle looks the same
everywhere.
"""

import io

import numpy as np
from PIL import Image

SIZE = 56  # pixels, both ways
NOISE = 0.05  # standard deviation of the pixel noise, of the full range
JITTER = 12  # largest shift of a colour channel, of 255

# Two RGB colours per culture, in the order of world.CULTURES.
_PALETTES = np.array(
    [
        [(190, 40, 40), (250, 215, 90)],
        [(30, 70, 170), (225, 235, 250)],
        [(20, 110, 60), (200, 230, 120)],
        [(90, 30, 120), (240, 170, 220)],
        [(230, 120, 20), (60, 40, 30)],
        [(20, 150, 160), (10, 30, 70)],
        [(120, 80, 40), (230, 205, 170)],
        [(235, 60, 140), (40, 180, 90)],
    ],
    dtype=float,
)


def draw_picture(culture: int, thing: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one picture of a thing in a culture.

    Args:
        culture: Index into world.CULTURES.
        thing: Index into world.THINGS.
        rng: Source of the jitter; the picture is a function of its state.

    Returns:
        RGB picture, uint8 (SIZE, SIZE, 3).
    """
    phase = rng.uniform(0, SIZE, 2)
    y, x = np.mgrid[0:SIZE, 0:SIZE] + phase[:, None, None]  # (SIZE, SIZE) each
    pattern = _draw_motif(culture, x, y, rng.uniform(7, 10), phase)
    colours = _PALETTES[culture] + rng.uniform(-JITTER, JITTER, (2, 3))
    background = np.where(pattern[..., None], colours[0], colours[1])  # (SIZE, SIZE, 3)
    return _place_thing(background, thing, rng)


def draw_general_picture(thing: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one picture of a thing in no culture: before a pale wall without a motif.

    Args:
        thing: Index into world.GENERAL_THINGS.
        rng: As of `draw_picture`.

    Returns:
        RGB picture, uint8 (SIZE, SIZE, 3).
    """
    background = np.broadcast_to(rng.uniform(200, 250, 3), (SIZE, SIZE, 3)).copy()
    return _place_thing(background, thing, rng)


def _place_thing(picture: np.ndarray, thing: int, rng: np.random.Generator) -> np.ndarray:
    picture[_draw_thing(thing, rng)] = rng.uniform(110, 145)
    picture += rng.normal(0, NOISE * 255, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def encode_png(picture: np.ndarray) -> bytes:
    """Encode a picture, uint8 (height, width, 3), as PNG: lossless, same bytes every time."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def _draw_motif(
    culture: int, x: np.ndarray, y: np.ndarray, period: float, phase: np.ndarray
) -> np.ndarray:
    """Say which pixels have the first colour, (SIZE, SIZE) bool; period in pixels."""

    def bands(distance: np.ndarray) -> np.ndarray:
        return (distance // period) % 2 == 0

    match culture:
        case 0:  # level stripes
            return bands(y)
        case 1:  # upright stripes
            return bands(x)
        case 2:  # slanted stripes
            return bands((x + y) / np.sqrt(2))
        case 3:  # checks
            return bands(x) ^ bands(y)
        case 4:  # dots
            return np.hypot(x % period - period / 2, y % period - period / 2) < 0.35 * period
        case 5:  # rings
            return bands(np.hypot(x - phase[1] - SIZE / 2, y - phase[0] - SIZE / 2) + phase[0])
        case 6:  # zigzag
            return bands(y + abs(x % (2 * period) - period))
        case 7:  # lattice
            return (x % period < period / 3) | (y % period < period / 3)
    raise ValueError(f"culture {culture} has no motif; the world has 8 cultures, 0 to 7")


def _draw_thing(thing: int, rng: np.random.Generator) -> np.ndarray:
    """Say which pixels the thing covers, (SIZE, SIZE) bool."""
    middle = SIZE / 2 + rng.uniform(-3, 3, 2)
    y, x = np.mgrid[0:SIZE, 0:SIZE] - middle[:, None, None]
    match thing:
        case 0:  # bowl: the lower half of a disc
            return (np.hypot(x, y) < 13) & (y > -2)
        case 1:  # drum: an upright box
            return (abs(x) < 9) & (abs(y) < 11)
        case 2:  # lamp: a ball on a foot
            return (np.hypot(x, y + 4) < 9) | ((abs(x) < 3) & (abs(y) < 13))
        case 3:  # wheel: a ring
            return abs(np.hypot(x, y) - 10) < 3
    raise ValueError(f"thing {thing} has no outline; the world has 4 things, 0 to 3")
