"""Decode pictures as delivered: what a dataset check accepts is what a model job will see."""

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Qwen2.5-VL's image processor refuses longer strips. The limit holds for every model, so that all
# are asked the same questions.
MAX_ASPECT_RATIO = 200


class PictureError(Exception):
    """Bytes that cannot be shown to a model."""

    def __init__(self, detail: str, reason: str = "unreadable image"):
        super().__init__(detail)
        self.reason = reason


def decode_picture(data: bytes) -> Image.Image:
    """Decode a picture to RGB: EXIF rotation applied, transparency on white, first frame.

    Raises:
        PictureError: The bytes are no complete picture, or one that no model can be shown.
    """
    return inspect_picture(data)[0]


def inspect_picture(data: bytes) -> tuple[Image.Image, str]:
    """Decode a picture and note what decoding did to it ("" if nothing).

    Raises:
        PictureError: As decode_picture.
    """
    if not data:
        raise PictureError("0 bytes", "empty image")
    try:
        opened = Image.open(io.BytesIO(data))
        frames = getattr(opened, "n_frames", 1)
        turned = ImageOps.exif_transpose(opened)
        notes = [f"first of {frames} frames"] if frames > 1 else []
        if opened.getexif().get(0x0112, 1) != 1:
            notes.append("turned as its EXIF says")
        picture, converted = _convert(turned)
    except (MemoryError, PictureError):
        raise
    except UnidentifiedImageError as error:  # its own text holds a memory address
        raise PictureError(f"no known format begins with {data[:8]!r}", "not an image") from error
    except Image.DecompressionBombError as error:
        raise PictureError(str(error), "image too large") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged bytes
        raise PictureError(f"{type(error).__name__}: {error}") from error
    long, short = max(picture.size), min(picture.size)
    if long > MAX_ASPECT_RATIO * short:
        raise PictureError(
            f"{picture.width} x {picture.height} pixels; expected a longer side of at most "
            f"{MAX_ASPECT_RATIO} times the shorter",
            "image too narrow",
        )
    return picture, "; ".join(notes + converted)


def _convert(picture: Image.Image) -> tuple[Image.Image, list[str]]:
    if picture.mode.startswith("I;16"):  # Pillow's own conversion clips: all but black is white
        grey = np.asarray(picture).astype(np.uint16) // 257
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB"), ["16 bits made 8"]
    if picture.mode in ("I", "F"):
        raise PictureError(
            f"pixels of 32 bits (mode {picture.mode}), whose white is unknown; expected 8 or 16"
        )
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB"), ["transparency on white"]
    if picture.mode == "CMYK":
        return picture.convert("RGB"), ["CMYK made RGB"]
    return picture.convert("RGB"), []
