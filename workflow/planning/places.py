"""Refuse a results folder that takes no files before a job runs, in one line.

Planning code: no numerical library is imported here.
"""

import tempfile
from pathlib import Path


class PlaceError(Exception):
    """A folder that cannot be written; the message is one line."""


def require_writable(folder: str | Path) -> None:
    """Make a folder and, for a moment, a file in it.

    Raises:
        PlaceError: This user may not, or the file system is read-only or full.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PlaceError(
            f"{folder}: cannot be written ({error.strerror}); expected a folder in which this user "
            "may make files: change its permissions, or run in a copy of the project"
        ) from error
