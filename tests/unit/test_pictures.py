"""Pictures of every kind: shown as people see them, or refused with their own reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from dataset_rows import encode_picture, make_picture, make_row, prepare, rejections
from PIL import Image

from culture_neurons.dataset.pictures import FORMATS, PictureError, decode_picture, inspect_picture

ORIENTATION = 0x0112


def refusal(data):
    with pytest.raises(PictureError) as caught:
        inspect_picture(data)
    return caught.value.reason, str(caught.value)


def shade(data):
    """The colour in the middle, and what was noted."""
    picture, note = inspect_picture(data)
    assert picture.mode == "RGB"
    return picture.getpixel((picture.width // 2, picture.height // 2)), note


JPEG = make_picture(size=(640, 640), kind="JPEG")
PNG = make_picture(size=(640, 640))


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "empty image", "0 bytes"),
        (b"hello, world", "not an image", "b'hello, w'"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "not an image", "a HEIC photo: convert it to JPEG"),
        (b"\n<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image", "SVG or a web page"),
        (PNG[:10], "not an image", "PNG"),
        (JPEG[: len(JPEG) // 2], "unreadable image", "truncated"),
        (PNG[: len(PNG) // 2], "unreadable image", ""),
        (encode_picture(Image.new("F", (5, 6)), "TIFF"), "unreadable image", "mode F"),
        (encode_picture(Image.new("I", (5, 6)), "TIFF"), "unreadable image", "mode I"),
        (make_picture(size=(20_000, 50)), "image too narrow", "20000 x 50"),
        (make_picture(size=(1, 201)), "image too narrow", "at most 200 times"),
    ],
)
def test_a_picture_that_cannot_be_shown_is_refused_with_its_reason(data, reason, detail):
    found, message = refusal(data)
    assert found == reason
    assert detail in message
    assert "0x" not in message  # a memory address would change with every run


@pytest.mark.parametrize("kind", ["EPS", "ICO", "PCX", "TGA", "SGI"])
def test_formats_that_a_dataset_of_photographs_lacks_are_not_opened(kind):
    data = make_picture(size=(16, 16), kind=kind)
    Image.open(io.BytesIO(data))  # Pillow would
    reason, message = refusal(data)
    assert reason == "not an image"
    assert message.endswith("expected one of JPEG, PNG, WEBP, GIF, BMP, TIFF, PPM, JPEG2000, AVIF")


@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
def test_formats_of_photographs_are_shown(kind):
    frames = {"save_all": True, "append_images": [Image.new("RGB", (16, 16))]}
    data = make_picture(size=(16, 16), kind=kind, **(frames if kind == "MPO" else {}))
    color, note = shade(data)
    assert np.allclose(color, (255, 0, 0), atol=3)
    assert note == ("first of 2 frames" if kind == "MPO" else "")


def test_a_decompression_bomb_is_refused_by_its_header():
    bomb = encode_picture(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(bomb) < 100_000
    reason, message = refusal(bomb)
    assert reason == "image too large"
    assert "400000000 pixels" in message


def test_a_broken_exif_is_refused():
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the picture must be turned, and its EXIF written anew
    exif[0x011A] = 2.5  # resolution, whose type becomes text below
    data = make_picture(kind="JPEG", exif=exif)
    assert inspect_picture(data)[0].size == (7, 9)
    broken = data.replace(b"\x01\x1a\x00\x05", b"\x01\x1a\x00\x02")
    reason, message = refusal(broken)
    assert reason == "unreadable image"
    assert "TypeError: " in message


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (10_000, 50), (3, 3), (1, 3)])
def test_small_and_long_pictures_are_shown(size):
    assert inspect_picture(make_picture(size=size))[0].size == size


@pytest.mark.parametrize(
    ("picture", "kind", "color", "note"),
    [
        (Image.new("1", (8, 8), 1), "PNG", (255, 255, 255), ""),
        (Image.new("L", (8, 8), 90), "PNG", (90, 90, 90), ""),
        (Image.new("RGB", (8, 8), (9, 99, 200)).quantize(4), "PNG", (9, 99, 200), ""),
        (Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG", (255,) * 3, "transparency on white"),
        (Image.new("RGBA", (8, 8), (0, 0, 200, 51)), "PNG", (204, 204, 244), "transparency on"),
        (Image.new("LA", (8, 8), (0, 0)), "PNG", (255, 255, 255), "transparency on white"),
        (Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", (255, 0, 0), "CMYK made RGB"),
        (Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF", (255, 0, 0), "CMYK made RGB"),
        (Image.fromarray(np.full((8, 8), 0x8000, np.uint16)), "PNG", (127,) * 3, "16 bits made 8"),
        (Image.fromarray(np.full((8, 8), 0xFFFF, np.uint16)), "PNG", (255,) * 3, "16 bits made 8"),
        (Image.fromarray(np.full((8, 8), 300, np.uint16)), "TIFF", (1, 1, 1), "16 bits made 8"),
    ],
)
def test_pictures_of_every_mode_are_shown_in_their_colours(picture, kind, color, note):
    found, noted = shade(encode_picture(picture, kind))
    assert np.allclose(found, color, atol=1)
    assert noted.startswith(note)
    assert bool(noted) == bool(note)


def make_deep_png(kind, *values, clear=()):
    """Write an 8 x 8 PNG of 16 bits per value, as Pillow does not for all kinds."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    def pack(numbers):
        return struct.pack(f">{len(numbers)}H", *numbers)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, kind, 0, 0, 0))
    transparent = chunk(b"tRNS", pack(clear)) if clear else b""
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + pack(values) * 8) * 8))
    return b"\x89PNG\r\n\x1a\n" + header + transparent + pixels + chunk(b"IEND", b"")


GREY, COLOR, GREY_ALPHA, COLOR_ALPHA = 0, 2, 4, 6  # PNG's kinds of pixels


@pytest.mark.parametrize(
    ("data", "color", "note"),
    [
        (make_deep_png(GREY, 0x8000), (127,) * 3, "16 bits made 8"),
        (make_deep_png(GREY, 0x8000, clear=[0x8001]), (127,) * 3, "16 bits made 8; transp"),
        (make_deep_png(GREY, 0x8000, clear=[0x8000]), (255,) * 3, "16 bits made 8; transp"),
        (make_deep_png(COLOR, 0x8000, 0x1234, 0xFFFF), (128, 18, 255), "16 bits made 8"),
        (
            make_deep_png(COLOR, 0x8000, 0x1234, 0xFFFF, clear=[0x8000, 0x1234, 0xFFFF]),
            (255,) * 3,
            "16 bits made 8; transparency on white",
        ),
        (make_deep_png(GREY_ALPHA, 0x8000, 0), (255,) * 3, "16 bits made 8; transp"),
        (make_deep_png(COLOR_ALPHA, 0, 0, 0xC800, 0x3333), (204, 204, 244), "16 bits made 8; tra"),
    ],
)
def test_png_of_16_bits_is_shown_with_both_notes(data, color, note):
    found, noted = shade(data)
    assert np.allclose(found, color, atol=1)
    assert noted.startswith(note)
    assert ("transparency" in noted) == ("tra" in note)


def test_a_transparent_palette_is_put_on_white():
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([10, 20, 30] * 256)
    assert shade(encode_picture(picture, "PNG", transparency=0))[0] == (255, 255, 255)
    assert shade(encode_picture(picture, "PNG"))[0] == (10, 20, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation):
    upright = Image.new("RGB", (40, 24), "white")
    upright.paste("red", (0, 0, 20, 12))  # the upper left corner
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation -> transpose that undoes it
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture, note = inspect_picture(encode_picture(stored, "PNG", exif=exif))
    assert picture.size == (40, 24)
    assert picture.getpixel((5, 3)) == (255, 0, 0)
    assert picture.getpixel((35, 20)) == (255, 255, 255)
    assert note == ("" if orientation == 1 else "turned as its EXIF says")


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing_and_says_nothing(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = Image.new("RGB", (40, 24), "white")
    picture, note = inspect_picture(encode_picture(stored, "PNG", exif=exif))
    assert (picture.size, note) == ((40, 24), "")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_is_shown_and_noted(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    data = encode_picture(frames[0], kind, save_all=True, append_images=frames[1:])
    color, note = shade(data)
    assert np.allclose(color, (255, 0, 0), atol=3)
    assert note == "first of 3 frames"


def test_bytes_are_kept_as_delivered_once_per_image_with_what_decoding_alters():
    frames = [Image.new("L", (8, 8), grey) for grey in (0, 99)]
    data = encode_picture(frames[0], "GIF", save_all=True, append_images=frames[1:])
    prepared = prepare([make_row("a_0", data), make_row("a_1", data), make_row("b_0")])
    assert prepared.images["a"]["bytes"] == data
    assert prepared.images["a"]["note"] == "first of 2 frames"
    assert prepared.images["b"]["note"] == ""
    assert list(prepared.images) == ["a", "b"]


def test_flipped_bytes_in_pictures_are_kept_or_rejected_but_never_raise():
    rng = np.random.default_rng(0)
    rows = [make_row("good_0")]
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        data = np.frombuffer(make_picture(kind=kind), np.uint8)
        for number in range(40):
            damaged = data.copy()
            damaged[rng.integers(len(data), size=3)] = rng.integers(256, size=3)
            rows.append(make_row(f"{kind}{number}_0", damaged.tobytes()))
    prepared = prepare(rows)
    assert len(prepared.questions) + len(prepared.rejected) == 201
    reasons = {reason for _, reason in rejections(prepared)}
    assert {"not an image", "unreadable image"} <= reasons
    assert reasons <= {"not an image", "unreadable image", "image too large", "image too narrow"}
    assert len(prepared.rejected) > 50
    for image in prepared.images.values():
        assert decode_picture(image["bytes"]).size == (image["width"], image["height"])
