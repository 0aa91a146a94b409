"""Hold a config's hookpoints against those that there are, and against what is done at them.

Planning code: no numerical library is imported here.
"""

from culture_neurons.hooks.places import list_hookpoints, load_hookpoint
from planning.errors import ConfigError, suggest_name


def check_hookpoints(config: dict) -> None:
    """Refuse hookpoints that are unknown, or at which interventions or masks have no meaning.

    Raises:
        ConfigError: With key, value, and what was expected.
    """
    names, known = config["extract"]["hookpoints"], list_hookpoints()
    for index, name in enumerate(names):
        if name not in known:
            raise ConfigError(
                f"config key 'extract.hookpoints[{index}]' is {name!r}; expected one of the files "
                f"of culture_neurons/hookpoints: {', '.join(known)}{suggest_name(name, known)}"
            )
    for name in config["select"]["rates_at"]:
        if name not in names:
            raise ConfigError(
                f"config key 'select.rates_at' has {name!r}; expected one of extract.hookpoints"
                f"{suggest_name(name, names)}"
            )
    if config["select"]["rates_at"] and config["sensitivity"]["measure"]:
        raise ConfigError(
            "config key 'select.rates_at' gives hookpoints rates of their own, but "
            "sensitivity.measure compares settings with the first of select.rates; expected one of "
            "the two"
        )
    on_pictures = [name for name in names if load_hookpoint(name).on_pictures]
    for key in ("intervene", "steer") if on_pictures else ():
        for index, entry in enumerate(config[key]):
            if len(entry["tokens"]) < 4:
                raise ConfigError(
                    f"config key '{key}[{index}].tokens' is {entry['tokens']}, but "
                    f"{on_pictures[0]!r} works on pictures before there are tokens of a prompt; "
                    "expected all four: leave the key out"
                )
    files = [entry["name"] for entry in config["select"]["imported"] if entry["files"]]
    if files and len(names) > 1:
        raise ConfigError(
            f"config key 'select.imported' has files of masks ({files[0]!r}), which are of one "
            f"hookpoint; expected one of {names} in extract.hookpoints: study others by a config "
            "of their own"
        )


def list_uncounted(config: dict) -> list[str]:
    """List the hookpoints of a config that have no activation probabilities."""
    names = config["extract"]["hookpoints"]
    return [name for name in names if not load_hookpoint(name).counted]
