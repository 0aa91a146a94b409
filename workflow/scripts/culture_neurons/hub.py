"""Files of a Hub repository at one commit: from the Hub cache if they are there, else fetched."""

from collections.abc import Sequence
from pathlib import Path

import huggingface_hub


class HubError(Exception):
    """A Hub repository that cannot be had; the message says how to get it."""


def fetch_snapshot(
    name: str, revision: str | None, kind: str, patterns: Sequence[str] | None = None
) -> Path:
    """Find a repository's files; the folder is named for the commit.

    Works without network (also with HF_HUB_OFFLINE=1) if the cache holds the revision whole.

    Args:
        name: Hub id.
        revision: Commit, tag, or branch; None is "main".
        kind: "model" or "dataset".
        patterns: Files to fetch, of the top folder only; None takes all.

    Raises:
        HubError: The cache lacks the revision or a part of it, and the Hub does not give it.
    """
    try:
        folder = huggingface_hub.snapshot_download(
            name,
            repo_type=kind,
            revision=revision,
            allow_patterns=patterns,
            ignore_patterns=["*/*"] if patterns else None,
        )
    except (OSError, ValueError) as error:
        raise HubError(
            f"{name!r}: there is no such file or folder here, and the Hub {kind} at revision "
            f"{revision or 'main'!r} cannot be had: {error}. Without network, fetch it where there "
            f"is one (hf download --repo-type {kind} --revision {revision or 'main'} {name}) and "
            "set HF_HOME to that cache"
        ) from error
    return Path(folder)
