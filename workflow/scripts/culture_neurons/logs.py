"""One log per job: every line goes to the terminal and to the rule's log file, progress too."""

import logging
import os
import re
import sys
from pathlib import Path

from tqdm import tqdm

logger = logging.getLogger("culture_neurons")

_TOKEN = re.compile(r"hf_\w{20,}")
_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


class _Discreet(logging.Formatter):
    """Blacks out access tokens of the Hub, which an error may quote (a server's answer, a URL)."""

    def format(self, record: logging.LogRecord) -> str:
        text = _TOKEN.sub("hf_***", super().format(record))
        for name in _TOKEN_VARIABLES:
            if os.environ.get(name):
                text = text.replace(os.environ[name], "***")
        return text


def start_log(path: str | Path) -> None:
    """Send log lines, and the error that ends a job, to stderr and to `path`.

    Of this project's own errors, whose message says what to do, the terminal gets one line; where
    they happened stands in the file.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.StreamHandler(), logging.FileHandler(path, mode="w", encoding="utf-8")]
    for handler in handlers:
        handler.setFormatter(_Discreet("%(asctime)s %(message)s", "%H:%M:%S"))
    handlers[0].addFilter(lambda record: not getattr(record, "file_only", False))
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    # A full disk takes no log lines either; that is no reason to bury the error on the terminal.
    logging.raiseExceptions = False
    for library in ("httpx", "httpcore", "filelock", "fsspec", "urllib3", "huggingface_hub"):
        logging.getLogger(library).setLevel(logging.WARNING)
    sys.excepthook = _log_exception


def _log_exception(kind, error, trace) -> None:
    logger.critical("%s: %s", kind.__name__, error)
    own = kind.__module__.split(".")[0] == __name__.split(".")[0]
    logging.getLogger("traceback").error(
        "where it happened", exc_info=(kind, error, trace), extra={"file_only": own}
    )


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
