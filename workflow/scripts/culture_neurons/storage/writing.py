"""Files are written whole or not at all, and a disk that takes none is named."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)


class WriteError(Exception):
    """A result that cannot be written: no space, or no permission."""


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place if the block succeeds.

    Each writer has a name of its own, so two writers of one target never mix: the last whole
    file wins.

    Raises:
        WriteError: The disk is full, or the folder takes no files. Nothing is left of the attempt.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise WriteError(_describe_refusal(path, error)) from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp gives 0600; results are shared files
        os.replace(temporary, path)
    except Exception as error:
        if not _is_full(error):
            raise
        raise WriteError(_describe_refusal(path, error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_full(error: Exception) -> bool:
    # Writers in Rust (safetensors, polars) raise errors of their own, which carry no number.
    return getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in str(error)


def _describe_refusal(path: Path, error: Exception) -> str:
    if _is_full(error):
        return (
            f"{path}: cannot be written, no space is left on its disk or in its quota ({error}); "
            "nothing of it was kept: free space and run again"
        )
    return (
        f"{path}: cannot be written ({error}); expected a folder in which this user may make "
        "files: change its permissions, or run in a folder of your own"
    )
