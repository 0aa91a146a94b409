"""Decode pictures as delivered: what a dataset check accepts is what a model job will see."""

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Qwen2.5-VL's image processor refuses longer strips. The limit holds for every model, so that all
# are asked the same questions.
MAX_ASPECT_RATIO = 200
# All are decoded inside Pillow. Others would start a program (EPS: Ghostscript), or begin with
# nothing that tells them from noise (TGA). JPEG's reader finds MPO too, which has several views.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")


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
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
        frames = getattr(opened, "n_frames", 1)
        deep = opened.mode.startswith("I;16") or ";16" in str(opened.tile)
        turned = ImageOps.exif_transpose(opened)
        notes = [f"first of {frames} frames"] if frames > 1 else []
        if opened.getexif().get(0x0112) in range(2, 9):  # others say nothing, and turn nothing
            notes.append("turned as its EXIF says")
        notes += ["16 bits made 8"] * deep
        picture, converted = _convert(turned, deep)
    except (MemoryError, PictureError):
        raise
    except UnidentifiedImageError as error:  # its own text holds a memory address
        raise PictureError(
            f"{_name_kind(data)}; expected one of {', '.join(FORMATS)}", "not an image"
        ) from error
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


def _name_kind(data: bytes) -> str:
    """Name what the bytes are, of kinds that people have; else what they begin with."""
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "a HEIC photo: convert it to JPEG or PNG"
    if data.lstrip()[:5].lower() in (b"<?xml", b"<svg ", b"<!doc", b"<html"):
        return f"a text that begins with {data.lstrip()[:20]!r}, SVG or a web page"
    return f"begins with {data[:8]!r}"


def _convert(picture: Image.Image, deep: bool) -> tuple[Image.Image, list[str]]:
    """Make a picture RGB of 8 bits; of `deep` ones, with 16, Pillow has kept a colour's upper 8."""
    clear = picture.info.get("transparency")  # the grey or colour that stands for none
    on_white = ["transparency on white"]
    if picture.mode.startswith("I;16"):  # Pillow's own conversion clips: all but black is white
        grey = np.asarray(picture).astype(np.uint16)
        if clear is not None:
            grey = np.where(grey == clear, np.uint16(65535), grey)
        shown = Image.fromarray((grey // 257).astype(np.uint8)).convert("RGB")
        return shown, on_white if clear is not None else []
    if deep and isinstance(clear, tuple):
        picture.info["transparency"] = tuple(value >> 8 for value in clear)
    if picture.mode in ("I", "F"):
        raise PictureError(
            f"pixels of mode {picture.mode}, whose white is unknown; expected 8 bits, or 16 of a "
            "PNG or TIFF file"
        )
    if picture.mode in ("RGBA", "LA", "PA") or clear is not None:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB"), on_white
    if picture.mode == "CMYK":
        return picture.convert("RGB"), ["CMYK made RGB"]
    return picture.convert("RGB"), []
