"""One log per job: every line goes to the terminal and to the rule's log file, progress too."""

import logging
import sys
from pathlib import Path

from tqdm import tqdm

logger = logging.getLogger("culture_neurons")


def start_log(path: str | Path) -> None:
    """Send log lines, and the error that ends a job, to stderr and to `path`."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        handlers=[logging.StreamHandler(), logging.FileHandler(path, mode="w", encoding="utf-8")],
        force=True,
    )
    for library in ("httpx", "httpcore", "filelock", "fsspec", "urllib3", "huggingface_hub"):
        logging.getLogger(library).setLevel(logging.WARNING)
    sys.excepthook = _log_exception


def _log_exception(kind, error, trace) -> None:
    logger.critical("%s: %s", kind.__name__, error)
    logging.getLogger("traceback").error("where it happened", exc_info=(kind, error, trace))


class _LogLines:
    """A file that tqdm can write to: every refresh becomes one log line."""

    def write(self, text: str) -> None:
        line = text.strip()
        if line:
            logger.info(line)

    def flush(self) -> None:
        """Nothing is held back."""


def progress(total: int, unit: str, description: str) -> tqdm:
    """Show done, rate, and remaining time as a log line every ten seconds and at the end."""
    return tqdm(
        total=total,
        unit=f" {unit}",
        desc=description,
        file=_LogLines(),
        mininterval=10,
        maxinterval=float("inf"),  # the monitor thread would refresh after every single update
        ascii=" .",
        ncols=90,
    )
