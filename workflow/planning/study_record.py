"""Which configs made what is in the results folder: one that would replace another's is refused.

Results of one path differ only by settings that stand in no path. These are recorded by the config
file that had them. Planning code: no numerical library is imported here.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from culture_neurons.demo.names import DEMO_CHECKPOINTS
from planning.errors import ConfigError

RECORD = "study.json"  # in the results folder


def list_settings(config: Mapping) -> dict[str, object]:
    """List what a completed config says beyond paths, by what it is of.

    How statistics are made of answers is left out: it replaces tables, which a run makes anew, and
    no model's work.
    """
    shared = {
        "cells": {key: config["cells"][key] for key in ("cap", "floor", "leave_out")},
        "prompts": config["prompts"],
        "extract.scopes": config["extract"]["scopes"],
        "score.scopes": config["score"]["scopes"],
    }
    named = {  # each entry has paths of its own
        "scorer": config["score"]["scorers"],
        "control": config["select"]["controls"],
        "imported masks": config["select"]["imported"],
        "combined masks": config["select"]["combined"],
        "intervention": config["intervene"],
        "steering": config["steer"],
    }
    for kind, entries in named.items():
        shared |= {f"{kind} {entry['name']}": entry for entry in entries}
    settings = {"dataset": {**config["dataset"], "folds": config["cells"]["folds"]}}
    for name, entry in config["other_datasets"].items():
        settings[f"other dataset {name}"] = {**entry, "folds": config["cells"]["folds"]}
    for model in config["models"]:
        if model["checkpoint"].startswith(f"{DEMO_CHECKPOINTS}/"):
            settings["demo"] = config["demo"]
        settings[f"model {model['name']}"] = model
        settings |= {f"{name} of model {model['name']}": value for name, value in shared.items()}
    return settings


def refuse_replacing(settings: Mapping[str, object], name: str, folder: str | Path) -> None:
    """Refuse settings that would replace what another config has made.

    Args:
        settings: Of `list_settings`.
        name: Of the config file.
        folder: Of the results.

    Raises:
        ConfigError: With both configs, and what each says.
    """
    for key, known in _read_record(folder).items():
        others = [config for config in known["configs"] if config != name]
        if others and key in settings and known["value"] != settings[key]:
            differs = _compare(key, known["value"], settings[key])
            raise ConfigError(
                f"{name} would replace results of {', '.join(others)}: {differs}; run it in a "
                f"folder of its own (--directory), or remove {folder} first"
            )


def record_settings(settings: Mapping[str, object], name: str, folder: str | Path) -> None:
    """Note that a config has these settings; arguments as of `refuse_replacing`."""
    record = _read_record(folder)
    for key, value in settings.items():
        known = record.get(key, {"configs": [], "value": value})
        same = known["configs"] if known["value"] == value else []
        record[key] = {"configs": sorted({*same, name}), "value": value}
    path = Path(folder) / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def _read_record(folder: str | Path) -> dict[str, dict]:
    path = Path(folder) / RECORD
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); remove it") from error


def _compare(key: str, old: object, new: object) -> str:
    """Say what differs: of two mappings the first part that does."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        part = next(part for part in sorted({*old, *new}) if old.get(part) != new.get(part))
        key, old, new = f"{key}: {part}", old.get(part), new.get(part)
    return f"{key} was {old!r}, and is {new!r}"
