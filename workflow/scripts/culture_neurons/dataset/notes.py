"""What questions may hold and a study stumbles over: said in the log, and nothing is left out."""

import re
import string
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from culture_neurons.dataset.labels import suspect_labels
from culture_neurons.logs import logger

# English alone: an option that means others by their place ("All of the above", "Both A and C").
_OTHERS = re.compile(
    r"\b(?:all|none|both|either|neither|any|two)\b.*\b(?:above|below|these|those|options)\b"
    r"|^(?:both |either |neither |only )?[A-F](?:, ?[A-F])*,? (?:and|or|nor|&) [A-F]\.?$",
    re.IGNORECASE,
)
SHOWN = 5  # questions named on the terminal; the log file names all


def note_labels(labels: Collection[str], label_is: str) -> None:
    """Say where labels seem to count from 1 and are read as indices from 0."""
    if suspect_labels(labels, label_is):
        logger.warning(
            "no label is 0, though labels are read as indices from 0: if they count from 1, each "
            "is taken for the option after the right one; set dataset.label_is: index1"
        )


def note_options(questions: Sequence[Mapping]) -> None:
    """Say which questions may depend on the order of their options, which are shuffled."""
    doubts: dict[str, list[str]] = {}
    for question in questions:
        for doubt in {find_doubt(text["options"]) for text in question["texts"]} - {None}:
            doubts.setdefault(doubt, []).append(question["question_id"])
    for doubt, ids in sorted(doubts.items()):
        what = f"{len(ids)} questions with options that {doubt}"
        more = "" if len(ids) <= SHOWN else " ... (all: see the log file)"
        logger.warning("%s, and options are shuffled: %s%s", what, ids[:SHOWN], more)
        logger.info("%s: %s", what, ids, extra={"file_only": True})


def note_swaps(questions: Sequence[Mapping]) -> None:
    """Say how many pictures no other can replace, because every other one serves their cultures."""
    cultures: dict[str, set[str]] = {}
    for question in questions:
        cultures.setdefault(question["image_id"], set()).add(question["culture"])
    kinds = Counter(map(frozenset, cultures.values()))
    alone = sum(count for kind, count in kinds.items() if not any(map(kind.isdisjoint, kinds)))
    if alone:
        logger.warning(
            "%d of %d pictures have none to be swapped with: every other one serves one of their "
            "cultures too, as where the same questions are asked in several languages; their "
            "questions are not asked over a swapped picture",
            alone,
            len(cultures),
        )


def find_doubt(options: Sequence[str]) -> str | None:
    """Say what another order of the options may make wrong."""
    own = string.ascii_uppercase[: len(options)]
    if any(_OTHERS.search(option) for option in options):
        return "speak of others, as 'All of the above' does"
    if any(len(option) == 1 and option.upper() in own for option in options):
        return "are letters, which may stand in the picture"
    return None
