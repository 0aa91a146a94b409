"""Files of a Hub repository at one commit: from the Hub cache if they are there, else fetched."""

import errno
import shlex
from collections.abc import Sequence
from pathlib import Path

import huggingface_hub

# What the file system says where it takes no file.
NOT_TAKEN = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}


class HubError(Exception):
    """A Hub repository that cannot be had; the message says how to get it."""


def fetch_snapshot(
    name: str,
    revision: str | None,
    kind: str,
    patterns: Sequence[str] | None = None,
    cache_dir: str | None = None,
) -> Path:
    """Find a repository's files; the folder is named for the commit.

    Works without network (also with HF_HUB_OFFLINE=1) if the cache holds the revision whole.

    Args:
        name: Hub id.
        revision: Commit, tag, or branch; None is "main".
        kind: "model" or "dataset".
        patterns: Files to fetch, of the top folder only; None takes all.
        cache_dir: The Hub cache; None: where the environment says (HF_HUB_CACHE, HF_HOME).

    Raises:
        HubError: The cache lacks the revision or a part of it, and the Hub does not give it or the
            cache does not take it.
    """
    fetch = f"hf download --repo-type {kind} --revision {revision or 'main'} {name}"
    try:
        folder = huggingface_hub.snapshot_download(
            name,
            repo_type=kind,
            revision=revision,
            allow_patterns=patterns,
            ignore_patterns=["*/*"] if patterns else None,
            cache_dir=cache_dir,
        )
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) in NOT_TAKEN:
            cache = cache_dir or huggingface_hub.constants.HF_HUB_CACHE
            raise HubError(
                f"{name!r}: the Hub cache {cache} lacks a file of it and does not take it "
                f"({error.strerror}: {error.filename or cache}); set compute.hub_cache to a folder "
                "with room in which this user may make files, or let the cache's owner fetch it: "
                f"{fetch} --cache-dir {shlex.quote(str(cache))}"
            ) from error
        raise HubError(
            f"{name!r}: there is no such file or folder here, and the Hub {kind} at revision "
            f"{revision or 'main'!r} cannot be had: {error}. Without network, fetch it where there "
            f"is one ({fetch} --cache-dir FOLDER) and set compute.hub_cache to that folder"
        ) from error
    return Path(folder)
