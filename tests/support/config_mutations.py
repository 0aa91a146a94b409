"""Random changes of the default config: types, ranges, deleted and added keys."""

import copy
import datetime
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())

VALUES = [
    None, True, False, 0, 1, -1, 2, 10**30, 0.0, 0.5, -0.5, 4.0, float("nan"), float("inf"), "",
    "0.5", "abc", "a b", "a\nb", "\0", "é", [], {}, [None], [[]], [0], [1, 1], ["image"], {"a": 1},
    {1: 2}, {None: None}, {"name": "x"}, datetime.date(2025, 1, 1), b"x", {"image": ["image"]},
    [{}],
]  # fmt: skip
NAMES = ["x", "a.b", "a\nb", "", "name", 1, None, True, 0.5, datetime.date(2025, 1, 1)]


def mutate(rng):
    """Change, add, or delete one entry anywhere; return the config and the key's last name."""
    config = copy.deepcopy(DEFAULT)
    places = []

    def collect(value, name):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in list(entries):
            own = key if isinstance(key, str) else name
            places.append((value, key, own))
            if isinstance(part, dict | list):
                collect(part, own)

    collect(config, "config")
    container, key, name = rng.choice(places)
    action = rng.choice(["set", "set", "set", "delete", "add", "swap"])
    if action == "delete":
        del container[key]
    elif action == "add" and isinstance(container, dict):
        key = name = rng.choice(NAMES)
        container[key] = rng.choice(VALUES)
    elif action == "add":
        container.append(rng.choice(VALUES))
    elif action == "swap":
        other = rng.choice(places)
        container[key] = copy.deepcopy(other[0][other[1]]) if other[1] in other[0] else None
    else:
        container[key] = rng.choice(VALUES)
    return config, name
