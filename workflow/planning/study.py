"""The study that a completed config describes: what it has by name, and which masks are compared.

Rules make paths of these names. A selector is a scorer, "planted", the name of imported masks, or a
control: "{control}_of_{scorer}", or "{control}" alone where scorers share it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from culture_neurons.demo.names import (
    DEMO_CHECKPOINTS,
    DemoName,
    list_planted_at,
    parse_demo_name,
)
from culture_neurons.hooks.places import load_hookpoint

PLANTED = "planted"  # the selector of a demo model's ground truth
PICTURE = "picture"  # the stored scope of neurons that work on pictures


class ControlOf(NamedTuple):
    """What the selector of a control stands for, both by name."""

    control: str
    scorer: str  # of a shared control, the last one that shares it


class Study:
    """A completed config by name, in the config's order.

    Attributes:
        models: Name -> entry without `answers`: which answers count changes no answer.
        counted: Model -> which of its answers count.
        scorers, imported, combined, controls, interventions: Name -> entry.
        steering: Name -> entry without `max_loss`, which chooses among answers and changes none.
        max_loss: Name of a steering -> nats.
        other_datasets: Name -> entry, of datasets that masks are asked beside the study's.
        splits: As paths name them.
        rates: As paths name them -> share of all neurons, of every hookpoint.
        shards: As paths name them.
        reference: The split's seed and the rate that others are compared with.
        control_selectors: Selector of a control -> `ControlOf`.
    """

    def __init__(self, config: dict) -> None:
        """Derive the study from a config that `complete_config` returned."""
        self.models = {
            name: {key: entry[key] for key in entry if key != "answers"}
            for name, entry in _by_name(config["models"]).items()
        }
        self.counted = {entry["name"]: entry["answers"] for entry in config["models"]}
        self.scorers = _by_name(config["score"]["scorers"])
        self.imported = _by_name(config["select"]["imported"])
        self.combined = _by_name(config["select"]["combined"])
        self.controls = _by_name(config["select"]["controls"])
        self.interventions = _by_name(config["intervene"])
        self.max_loss = {entry["name"]: entry["max_loss"] for entry in config["steer"]}
        self.steering = {
            name: {key: entry[key] for key in entry if key != "max_loss"}
            | {"strengths": [float(strength) for strength in entry["strengths"]]}
            for name, entry in _by_name(config["steer"]).items()
        }
        self.other_datasets = config["other_datasets"]
        self.splits = [f"split{seed}" for seed in config["cells"]["splits"]]
        self._rates = {
            hookpoint: config["select"]["rates_at"].get(hookpoint, config["select"]["rates"])
            for hookpoint in config["extract"]["hookpoints"]
        }
        self.rates = {f"r{rate:g}": float(rate) for rates in self._rates.values() for rate in rates}
        shards = config["extract"]["shards"]
        self.shards = [f"{number}-of-{shards}" for number in range(1, shards + 1)]
        self.reference = {
            "split": config["cells"]["splits"][0],
            "rate": float(config["select"]["rates"][0]),
        }
        self.control_selectors = {
            selector: ControlOf(control, scorer)
            for scorer in self.all_scorers
            for control, selector in self.get_controls(scorer).items()
        }
        self._other_questions = config["select"]["other_questions"]
        self._scopes = {
            "stored": config["extract"]["scopes"],
            "scored": config["score"]["scopes"],
            "compared": config["sensitivity"]["scopes"],
        }

    @property
    def lent(self) -> list[str]:
        """Name the masks that models lend each other and that are asked."""
        entries = self.imported.values()
        return [e["name"] for e in entries if e["of"] is not None and e["evaluate"]]

    def list_lent(self) -> list[tuple[str, str]]:
        """List masks that models lend each other, with each model that is asked under them."""
        return [(name, model) for name in self.lent for model in self.imported[name]["models"]]

    @property
    def all_scorers(self) -> list[str]:
        """Every scorer, and like scorers imported and combined masks and the planted neurons."""
        imported = [name for name, entry in self.imported.items() if entry["evaluate"]]
        return [*self.scorers, *imported, *self.combined, PLANTED]

    def get_others(self, combined: str) -> list[str]:
        """Name the masks that combined masks are without, or within."""
        entry = self.combined[combined]
        return entry["without"] if entry["within"] is None else entry["within"]

    def list_other_datasets(self, *, cultures: bool) -> list[str]:
        """Name the other datasets that have cultures, or those that have none."""
        entries = self.other_datasets.items()
        return [name for name, entry in entries if (entry["cultures"] is not None) == cultures]

    def has_masks(self, name: str, model: str) -> bool:
        """Say whether a model has a scorer's, imported, or combined masks."""
        if name in self.combined:
            parts = [self.combined[name]["of"], *self.get_others(name)]
            return all(self.has_masks(part, model) for part in parts)
        if name not in self.imported:
            return True
        return model in self.imported[name]["files"] | self.imported[name]["models"]

    def get_lender(self, name: str, model: str) -> str | None:
        """Name the model whose masks a model is asked under; None where they come from a file."""
        return self.imported[name]["models"].get(model)

    def get_demo_model(self, model: str) -> DemoName | None:
        """Read what demo model a model of the config is; None for others."""
        folder, _, name = self.models[model]["checkpoint"].rpartition("/")
        return parse_demo_name(name) if folder == DEMO_CHECKPOINTS else None

    def has_plants(self, model: str, hookpoint: str) -> bool:
        """Say whether a model is a demo's with neurons planted at a hookpoint."""
        demo_model = self.get_demo_model(model)
        return demo_model is not None and hookpoint in list_planted_at(demo_model.variant)

    def get_candidates(self, model: str) -> list[str]:
        """Name a model's scorers and, like scorers, the masks imported or combined for it."""
        named = [name for name in self.all_scorers if name != PLANTED]
        return [name for name in named if self.has_masks(name, model)]

    def get_scorers(self, model: str, hookpoint: str) -> list[str]:
        """Name a model's scorers and imported masks at a hookpoint, the planted neurons last."""
        return self.get_candidates(model) + [PLANTED] * self.has_plants(model, hookpoint)

    def get_rates(self, hookpoint: str) -> list[str]:
        """Name the rates at which masks are selected at a hookpoint, as paths do."""
        return [f"r{rate:g}" for rate in self._rates[hookpoint]]

    def get_scopes(self, hookpoint: str) -> dict[str, dict | list]:
        """Say which token scopes are stored, scored, and (sets of them) compared with the scored.

        Patches of a picture are one scope.
        """
        if load_hookpoint(hookpoint).on_pictures:
            return {"stored": {PICTURE: ["image"]}, "scored": [PICTURE], "compared": []}
        return self._scopes

    def get_controls(self, scorer: str) -> dict[str, str]:
        """Name a scorer's controls with their selectors; masks alone have no scorer to permute.

        All of kind random share one selector where masks are as large as the rate asks for.
        """
        lent = self.imported[scorer]["of"] if scorer in self.imported else None
        sized_as = self.scorers.get(lent or scorer)
        own_sizes = sized_as is None or sized_as["pool"] == "overall"
        return {
            name: name if control["kind"] == "random" and not own_sizes else f"{name}_of_{scorer}"
            for name, control in self.controls.items()
            if control["kind"] != "permuted" or scorer in self.scorers
        }

    def list_selectors(self, *, permuted: bool) -> list[str]:
        """List the selectors of permuted controls, or of the others."""
        return [
            selector
            for selector, (control, _) in self.control_selectors.items()
            if (self.controls[control]["kind"] == "permuted") == permuted
        ]

    def get_control(self, selector: str) -> dict:
        """Describe the control that a selector draws: what changes its masks."""
        control = self.controls[self.control_selectors[selector].control]
        return {key: control[key] for key in ("name", "kind", "draws", "seed")}

    def is_shared(self, selector: str) -> bool:
        """Say whether scorers share a control, which then resembles the masks of none."""
        return self.control_selectors[selector].control == selector

    def get_scorer(self, selector: str) -> dict:
        """Find the entry of a scorer, or of the scorer that a control is of."""
        if selector in self.control_selectors:
            selector = self.control_selectors[selector].scorer
        return self.scorers[selector]

    def limit_questions(self, selector: str) -> dict[str, int | None]:
        """Say how many questions of other cultures and of its own a mask is asked; None: all."""
        limits = {"other_questions": self._other_questions, "own_questions": None}
        if selector in self.control_selectors:
            control = self.controls[self.control_selectors[selector].control]
            limits = {key: control[key] for key in limits}
        return limits


def _by_name(entries: Iterable[dict]) -> dict[str, dict]:
    return {entry["name"]: entry for entry in entries}
