"""Decode pictures as delivered: what a dataset check accepts is what a model job will see."""

import io

from PIL import Image, ImageOps


class PictureError(Exception):
    """Bytes that are no complete picture."""


def decode_picture(data: bytes) -> Image.Image:
    """Decode a picture to RGB: EXIF rotation applied, transparency on white, first frame.

    Raises:
        PictureError: The bytes are no complete picture.
    """
    try:
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        return picture.convert("RGB")
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged bytes
        raise PictureError(f"{type(error).__name__}: {error}") from error
