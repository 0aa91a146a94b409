"""Settings that are allowed and can show nothing.

Planning code: no numerical library is imported here.
"""

from collections.abc import Iterator
from math import factorial

from culture_neurons.dataset.cultures import read_cultures

ASSIGNMENTS = 40_319  # of masks to other cultures, ranked at most: as in evaluate/exchange.py


def list_doubts(config: dict) -> Iterator[str]:
    """Say which settings of a completed config can show nothing, a line each."""
    alpha = config["evaluate"]["alpha"]
    cultures = len(set(read_cultures(config["dataset"]["cultures"]).values()))
    smallest = 1 / (1 + min(factorial(cultures) - 1, ASSIGNMENTS))
    if smallest > alpha:
        yield (
            f"config key 'evaluate.alpha' is {alpha:g}: masks exchanged among {cultures} cultures "
            f"have a smallest p of {smallest:.2g}, so no verdict can pass it"
        )
    for index, control in enumerate(config["select"]["controls"]):
        smallest = 1 / (1 + control["draws"])
        if smallest > alpha:
            yield (
                f"config key 'select.controls[{index}].draws' is {control['draws']}: the smallest "
                f"p is {smallest:.2g}, above evaluate.alpha = {alpha:g}, so no verdict can pass it"
            )
    for index, entry in enumerate(config["intervene"]):
        if entry["strength"] == 0:
            yield f"config key 'intervene[{index}].strength' is 0, which changes nothing"
