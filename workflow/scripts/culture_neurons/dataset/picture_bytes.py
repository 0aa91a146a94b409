"""The picture of a row: its bytes, in the row or in a file that it names, decoded once."""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from culture_neurons.dataset.pictures import PictureError, inspect_picture
from culture_neurons.dataset.row_check import RejectedRowError, RowFormat
from culture_neurons.dataset.sources import stays_inside

_URL = re.compile(r"[a-z][a-z0-9+]*://", re.IGNORECASE)
_DATA_URL = re.compile(r"data:[^,]{0,100};base64,")
# A path of this length has a dot, unless it names a checksum: files are looked for first.
_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]{64,}={0,2}\s*")


def read_image(row: Mapping, row_format: RowFormat, known: Mapping | None) -> dict:
    """Read and decode a row's picture.

    Args:
        row: Column -> cell.
        row_format: How rows are read.
        known: The picture that its image id has in an earlier row.

    Raises:
        RejectedRowError: There is no picture that can be shown, or it is taken.
    """
    data = _read_bytes(row[row_format.columns["image"]], row_format.picture_folder)
    digest = hashlib.sha256(data).hexdigest()
    if digest in row_format.taken:
        raise RejectedRowError(
            "picture of the study's dataset", "neurons may be found on it", counted=False
        )
    if known is not None and known["sha256"] == digest:
        return dict(known)
    try:
        picture, note = inspect_picture(data)
    except PictureError as error:
        raise RejectedRowError(error.reason, str(error)) from error
    return {
        "bytes": data,
        "width": picture.width,
        "height": picture.height,
        "sha256": digest,
        "note": note,
    }


def _read_bytes(image, folder: Path | None) -> bytes:
    cell = image if isinstance(image, Mapping) else {"path": image} if image else {}
    data, text = cell.get("bytes"), cell.get("path")
    if data is not None:
        return data
    if not text:
        raise RejectedRowError("missing image", "no bytes")
    if _URL.match(text):
        raise RejectedRowError(
            "image is a URL",
            f"{text!r}; expected the picture: a run fetches none, fetch them first and name the "
            "files (docs/datasets.md)",
        )
    if folder is not None and os.path.isabs(text):  # as `datasets` names pictures of a Hub folder
        text = text.removeprefix(os.path.join(os.path.abspath(folder), ""))
    if folder is not None and stays_inside(text) and os.path.isfile(folder / text):
        return _read_file(folder, text)
    if _DATA_URL.match(text) or _BASE64.fullmatch(text):
        return _decode_base64(text)
    if folder is None:
        raise RejectedRowError(
            "image is a path",
            f"{text!r}; expected the picture's bytes, or the folder in which paths start as "
            "dataset.image_root",
        )
    if not stays_inside(text):
        raise RejectedRowError(
            "image outside its folder",
            f"{text}; expected a path that starts in dataset.image_root (null: beside the rows) "
            "and stays there",
        )
    return _read_file(folder, text)


def _decode_base64(text: str) -> bytes:
    written = "".join(_DATA_URL.sub("", text, count=1).split())
    try:
        return base64.b64decode(written, validate=True)
    except binascii.Error as error:
        raise RejectedRowError("unreadable image", f"base64 text: {error}") from error


def _read_file(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RejectedRowError("missing image", f"{path}: {reason}") from error
