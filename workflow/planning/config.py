"""Check a config before any job and fill in defaults: one clear line names what is wrong.

What one key may hold stands in the schema; here are the values that belong together. Planning code:
no numerical library is imported here.
"""

import os
from pathlib import Path

from culture_neurons.dataset.folds import identify_folds
from planning.datasets import check_dataset
from planning.errors import ConfigError, suggest_name
from planning.hookpoints import check_hookpoints, list_uncounted
from planning.paths import refuse_revision, require_checkpoint, require_file
from planning.renamed_keys import refuse_renamed_keys
from planning.schema import check_plain, check_schema, fill_defaults, read_schema
from planning.scorer_options import check_scorer


def complete_config(config: dict, root: Path) -> dict:
    """Return the config with defaults filled in.

    Args:
        config: As read from the file.
        root: Folder of the Snakefile.

    Raises:
        ConfigError: The first thing that is wrong, with key, value, and what was expected.
    """
    schema = read_schema(root)
    check_plain(config)
    refuse_renamed_keys(config)
    check_schema(config, schema)
    completed = fill_defaults(config, schema)
    _find_shipped(completed, root)
    cultures = check_dataset("dataset", completed["dataset"])
    _check_other_datasets(completed, cultures)
    _check_names(completed)
    _check_models(completed)
    _check_scopes(completed)
    check_hookpoints(completed)
    _check_numbers(completed)
    for index, scorer in enumerate(completed["score"]["scorers"]):
        scorer["scorer"] = scorer["scorer"] or scorer["name"]
        check_scorer(scorer, f"score.scorers[{index}]", root, list_uncounted(completed))
    _check_variants(completed, root)
    _check_imported(completed, cultures)
    _check_combined(completed)
    return completed


def _find_shipped(config: dict, root: Path) -> None:
    """Find files that this project ships from any working folder, such as config/cultures.tsv."""
    owners = [(config["dataset"], "cultures"), *((m, "chat_template") for m in config["models"])]
    owners += [(entry, "cultures") for entry in config["other_datasets"].values()]
    for owner, key in owners:
        path = owner[key]
        if path and not os.path.exists(path) and (root / path).is_file():
            owner[key] = os.path.relpath(root / path)


def _check_other_datasets(config: dict, cultures: list[str]) -> None:
    prompts = {model["prompt"] for model in config["models"]}
    for name, dataset in config["other_datasets"].items():
        key = f"other_datasets.{name}"
        if name == "others" or name.endswith(("_low", "_high")):
            raise ConfigError(
                f"config key '{key}': {name!r} is what verdicts call other cultures, or ends as "
                "columns of intervals do; expected another name"
            )
        codes = check_dataset(key, dataset)
        common = sorted({*codes} & {*cultures})
        if codes and len(common) < 2:
            raise ConfigError(
                f"config key '{key}.cultures' has {common} of the codes of dataset.cultures; "
                "expected two or more in common, or null: masks are compared with those of other "
                "cultures"
            )
        texts = dataset["columns"]["texts"]
        missing = sorted(prompts - texts.keys())
        if missing:
            raise ConfigError(
                f"config key '{key}.columns.texts' has {list(texts)}; expected an entry for every "
                f"prompt of the models, and {missing[0]!r} is one"
            )


def _check_names(config: dict) -> None:
    entries = {
        "models": config["models"],
        "intervene": config["intervene"],
        "steer": [*config["intervene"], *config["steer"]],  # of one folder
        "select.controls": config["select"]["controls"],
        "select.imported": config["select"]["imported"],
        "select.combined": config["select"]["combined"],
        "score.scorers": config["score"]["scorers"],
    }
    named = {key: [entry["name"] for entry in entries[key]] for key in entries}
    for key, names in named.items():
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(
                f"config key {key!r}: two entries are named {twice!r}; expected names that differ"
            )
    taken = {"planted", "exchanged"}  # names of masks, which lie in one folder, and of ranks
    for key in ("select.controls", "select.imported", "select.combined", "score.scorers"):
        for index, name in enumerate(named[key]):
            if name in taken or "_of_" in name:
                raise ConfigError(
                    f"config key '{key}[{index}].name' is {name!r}, which paths or tables use for "
                    "a control, other masks, or the planted neurons; expected another name, "
                    "without '_of_'"
                )
        taken.update(named[key])


def _check_imported(config: dict, cultures: list[str]) -> None:
    models = [model["name"] for model in config["models"]]
    for index, entry in enumerate(config["select"]["imported"]):
        key = f"select.imported[{index}]"
        _check_lent(config, key, entry)
        for model, path in entry["files"].items():
            if model not in models:
                raise ConfigError(
                    f"config key '{key}.files' has {model!r}; expected one of the models"
                    f"{suggest_name(model, models)}"
                )
            require_file(f"{key}.files.{model}", path, "a file of masks")
        named = [culture for culture in entry["cultures"] or () if culture is not None]
        for culture in named:
            known = culture in cultures or not entry["evaluate"]
            if not known or named.count(culture) > 1:
                raise ConfigError(
                    f"config key '{key}.cultures' has {culture!r}; expected each code of "
                    f"dataset.cultures once, null for others{suggest_name(culture, cultures)}"
                )


def _check_lent(config: dict, key: str, entry: dict) -> None:
    """Masks come from files, or from a scorer of another model whose neurons are the same."""
    lent = entry["of"] is not None
    if lent == bool(entry["files"]) or lent != bool(entry["models"]):
        raise ConfigError(
            f"config key '{key}' has files: {entry['files']!r}, of: {entry['of']!r}, and models: "
            f"{entry['models']!r}; expected files, or of and models together"
        )
    if not lent:
        return
    scorers = [scorer["name"] for scorer in config["score"]["scorers"]]
    if entry["of"] not in scorers:
        raise ConfigError(
            f"config key '{key}.of' is {entry['of']!r}; expected one of "
            f"score.scorers{suggest_name(entry['of'], scorers)}"
        )
    if entry["cultures"] is not None:
        raise ConfigError(
            f"config key '{key}.cultures' is {entry['cultures']!r}; expected null: masks of this "
            "study name their cultures"
        )
    models = {model["name"]: model for model in config["models"]}
    for asked, lender in entry["models"].items():
        for name in (asked, lender):
            if name not in models:
                raise ConfigError(
                    f"config key '{key}.models' has {name!r}; expected one of the models"
                    f"{suggest_name(name, list(models))}"
                )
        weights = [
            [models[name][part] for part in ("checkpoint", "revision")] for name in (asked, lender)
        ]
        if models[asked]["prompt"] == models[lender]["prompt"]:
            raise ConfigError(
                f"config key '{key}.models' has {asked!r}: {lender!r}, which have the same prompt "
                f"{models[asked]['prompt']!r}; expected two prompts of one checkpoint"
            )
        if weights[0] != weights[1]:
            raise ConfigError(
                f"config key '{key}.models' has {asked!r}: {lender!r}, which are {weights[0]} and "
                f"{weights[1]}; expected two models of one checkpoint: others have other neurons"
            )


def _check_combined(config: dict) -> None:
    """Masks are made of those that stand before them, and of a culture's own."""
    select = config["select"]
    by_culture = [entry["name"] for entry in config["score"]["scorers"]]
    by_culture += [entry["name"] for entry in select["imported"] if entry["evaluate"]]
    others = [entry["name"] for entry in select["imported"] if not entry["evaluate"]]
    for index, entry in enumerate(select["combined"]):
        key = f"select.combined[{index}]"
        if (entry["without"] is None) == (entry["within"] is None):
            raise ConfigError(
                f"config key '{key}' has without: {entry['without']!r} and within: "
                f"{entry['within']!r}; expected one of the two"
            )
        way = "within" if entry["without"] is None else "without"
        known = {"of": by_culture, way: [*by_culture, *others]}
        for part, name in [("of", entry["of"]), *((way, name) for name in entry[way])]:
            if name not in known[part]:
                raise ConfigError(
                    f"config key '{key}.{part}' has {name!r}; expected a scorer, imported masks, "
                    "or masks combined before, of `of` with a mask for each culture"
                    f"{suggest_name(name, known[part])}"
                )
        by_culture.append(entry["name"])


def _check_models(config: dict) -> None:
    prompts = list(config["dataset"]["columns"]["texts"])
    for index, model in enumerate(config["models"]):
        if model["prompt"] not in prompts:
            raise ConfigError(
                f"config key 'models[{index}].prompt' is {model['prompt']!r}; expected one of "
                f"dataset.columns.texts{suggest_name(model['prompt'], prompts)}"
            )
        key = f"models[{index}]"
        require_checkpoint(f"{key}.checkpoint", model["checkpoint"])
        refuse_revision(f"{key}.revision", model["revision"], model["checkpoint"])
        if model["chat_template"] is not None:
            require_file(f"models[{index}].chat_template", model["chat_template"], "a Jinja file")


def _check_scopes(config: dict) -> None:
    stored = config["extract"]["scopes"]
    wanted = {"score.scopes": config["score"]["scopes"]}
    for index, scopes in enumerate(config["sensitivity"]["scopes"]):
        wanted[f"sensitivity.scopes[{index}]"] = scopes
    for key, scopes in wanted.items():
        for index, scope in enumerate(scopes):
            if scope not in stored:
                raise ConfigError(
                    f"config key '{key}[{index}]' is {scope!r}; expected one of "
                    f"extract.scopes{suggest_name(scope, list(stored))}"
                )
    owner: dict[str, str] = {}
    for name, parts in stored.items():
        for part in parts:
            if part in owner:
                raise ConfigError(
                    f"config key 'extract.scopes': token scope {part!r} stands in two stored "
                    f"scopes, {owner[part]!r} and {name!r}; expected scopes that do not overlap, "
                    "or their sums count its tokens twice"
                )
            owner[part] = name


def _check_numbers(config: dict) -> None:
    for index, entry in enumerate(config["intervene"]):
        ablates = entry["kind"] in ("ablate", "mean_ablate")
        if ablates != (entry["strength"] is None):
            raise ConfigError(
                f"config key 'intervene[{index}].strength' is {entry['strength']!r} for kind "
                f"{entry['kind']!r}; expected null for ablations, a number for the others"
            )
    for index, control in enumerate(config["select"]["controls"]):
        needed = index == 0 or control["kind"] == "permuted" or config["steer"]
        if control["other_questions"] == 0 and needed:
            raise ConfigError(
                f"config key 'select.controls[{index}].other_questions' is 0; expected 1 or more: "
                "the first control is drawn in figures, permuted masks rank the gap, and steered "
                "masks choose by what others lose"
            )
    cells = config["cells"]
    if config["steer"] and cells["folds"] < 3:
        raise ConfigError(
            f"config key 'cells.folds' is {cells['folds']}; expected 3 or more, for a strength of "
            "'steer' is chosen on other folds than those that tell its effect"
        )
    if cells["floor"] > cells["cap"]:
        raise ConfigError(
            f"config key 'cells.floor' is {cells['floor']}; expected cells.cap = {cells['cap']} or "
            "less"
        )
    seeds: dict[tuple, int] = {}
    for index, seed in enumerate(cells["splits"]):
        first = seeds.setdefault(tuple(identify_folds(cells["folds"], seed)), seed)
        if first != seed:
            raise ConfigError(
                f"config key 'cells.splits[{index}]' is {seed}, which divides {cells['folds']} "
                f"folds as {first} does; expected another seed"
            )
    rates = {"rates": config["select"]["rates"]}
    rates |= {f"rates_at.{name}": at for name, at in config["select"]["rates_at"].items()}
    names: dict[str, float] = {}
    for key, values in rates.items():
        for index, rate in enumerate(values):
            name = f"r{rate:g}"  # as in paths
            if names.setdefault(name, rate) != rate:
                raise ConfigError(
                    f"config key 'select.{key}[{index}]' is {rate!r}, which paths name {name!r} as "
                    f"they do {names[name]!r}; expected rates that differ in six digits"
                )


def _check_variants(config: dict, root: Path) -> None:
    scorers = {scorer["name"]: scorer for scorer in config["score"]["scorers"]}
    for index, variant in enumerate(config["sensitivity"]["variants"]):
        key, name = f"sensitivity.variants[{index}]", variant["scorer"]
        if name not in scorers:
            raise ConfigError(
                f"config key '{key}.scorer' is {name!r}; expected one of "
                f"score.scorers{suggest_name(name, list(scorers))}"
            )
        uncounted = list_uncounted(config) if config["sensitivity"]["measure"] else []
        own, other = (
            check_scorer({**scorers[name], "options": options}, key, root, uncounted)
            for options in (scorers[name]["options"], variant["options"])
        )
        if own == other:
            raise ConfigError(
                f"config key '{key}.options' is what {name!r} has under score.scorers; expected "
                "other options to compare with"
            )
