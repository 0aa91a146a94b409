"""The two outcomes that a mask's effect is measured in; not how."""

from typing import NamedTuple


class Outcome(NamedTuple):
    """How people read an outcome; tables hold accuracy as a fraction."""

    words: str  # in a sentence
    unit: str  # of its changes
    scale: int  # a table's number times this is in that unit
    digits: int  # of changes in a small cell of a figure
    small: float  # a change that figures must not hide, in that unit
    loss: str  # what a title calls a change below 0
    opening: str  # of a title that leaves the outcome out


ACCURACY, LOGP = "accuracy", "logp"
OUTCOMES = {
    ACCURACY: Outcome(  # the published one
        "accuracy", "% points", 100, 0, 2, "accuracy loss", ""
    ),
    # Of the right option among a question's options: see pairing.right_logp.
    LOGP: Outcome("log-probability", "nats", 1, 1, 0.05, "loss in nats", "in nats, "),
}
