"""Numbers of a study against the limits within which a known truth lies."""

from collections.abc import Mapping, Sequence

Limits = Mapping[str, tuple[float, float, str]]  # of what -> lowest and highest that passes, unit
Numbers = Mapping[str, Sequence[float | None]]  # of what -> its values, None where unknown


def hold_against(label: str, numbers: Numbers, limits: Limits) -> tuple[list[str], list[str]]:
    """Compare numbers with limits.

    Args:
        label: What they are of.
        numbers: One value or more of each; none is as wrong as an unknown one.
        limits: Of every number.

    Returns:
        A line if all pass, or none; and a line per number that does not.
    """
    failed = [
        f"{label}: {name} is {_form(values, unit)}, expected {low:g} to {high:g}{unit}"
        for name, values in numbers.items()
        for low, high, unit in [limits[name]]
        if not values or any(value is None or not low <= value <= high for value in values)
    ]
    words = (f"{name} {_form(values, limits[name][2])}" for name, values in numbers.items())
    return [] if failed else [f"{label}: {', '.join(words)}"], failed


def _form(values: Sequence[float | None], unit: str) -> str:
    words = ("unknown" if value is None else f"{value:.4g}{unit}" for value in values)
    return " and ".join(words) or "not in the tables"
