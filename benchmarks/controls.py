"""What must controls be asked? GPU hours of config/paper.yaml, level, and power of its verdicts.

    python benchmarks/controls.py [--studies 200] [--resamples 200] [--workers 2]

Simulated studies of 25 cultures with 104 evaluate images of two questions, answered right at 75 %.
A scorer's masks turn right answers of other cultures wrong at 1.3 % (1 point), as masks of permuted
labels do to all; random masks at .5 %, those of its layers and its activity at 1 %. Masks differ by
up to a half. At 0 points the scorer's masks cost their own culture no more than others, else so
many points more. A verdict is shown where all of its tests are: the gap's interval lies below 0;
self ranks first among the draws of all controls, and the gap among permuted masks and among
exchanged ones. All settings are asked of the same simulated answers. Hours are the work model's, of
an A100 at half of its peak, not measured.

A draw that costs as much as the scorer's masks settles that a verdict is not shown. The last
columns tell how many of 20 draws there are until then, on average over studies and controls.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # each worker is a process of its own

from coverage import SPREAD, WON, draw_luck
from work_model import PROJECT, list_jobs, measure_model

from culture_neurons.dataset.assignment import mark_asked
from culture_neurons.evaluate.exchange import rank_exchanged
from culture_neurons.evaluate.intervals import bound_means
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.ranks import rank_effects
from culture_neurons.evaluate.resampling import bootstrap_cells
from culture_neurons.neurons import MaskName
from planning.config import complete_config
from report import describe_machine, write_result

CULTURES, IMAGES, PER_IMAGE, ACCURACY = 25, 104, 2, 0.75
CROSS = 0.0133
CONTROLS = {"random": 0.005, "random_layer": 0.01, "random_activity": 0.01, "permuted": CROSS}
DRAWS, ALPHA = 20, 0.05
EFFECTS = (0, 2, 3, 6)  # points that a mask costs its own culture beyond others
QUESTIONS, PICTURES = 10_374, 5_239  # of CVQA


class Setting(NamedTuple):
    """How many questions of others and of their own culture masks are asked; None: all."""

    scorers: int | None  # others; their own in full
    random: tuple[int, int | None]
    matched: tuple[int, int | None]  # random_layer and random_activity
    permuted: tuple[int, int | None]


SETTINGS = (
    Setting(None, (3, None), (3, None), (3, None)),
    Setting(None, (1, None), (0, 50), (1, 50)),
    Setting(50, (1, None), (0, 40), (1, 40)),
    Setting(40, (1, None), (0, 50), (1, 50)),
    Setting(50, (1, None), (0, 20), (1, 20)),
)


def limit_control(setting: Setting, kind: str) -> tuple[int, int | None]:
    """Find what a control of some kind is asked."""
    return {"random": setting.random, "permuted": setting.permuted}.get(kind, setting.matched)


def count_hours(setting: Setting) -> float:
    """Count the GPU hours of config/paper.yaml under a setting, by the work model."""
    raw = yaml.safe_load((PROJECT / "config/paper.yaml").read_text())
    config = complete_config(raw, PROJECT)
    config["select"]["other_questions"] = setting.scorers
    for control in config["select"]["controls"]:
        limits = limit_control(setting, control["kind"])
        control["other_questions"], control["own_questions"] = limits
    cultures = len((PROJECT / config["dataset"]["cultures"]).read_text().splitlines()) - 1
    models = [measure_model(model) for model in config["models"]]
    dataset = (cultures, QUESTIONS, PICTURES)
    stages = (stage for model in models for stage in list_jobs(config, model, *dataset))
    operations = sum(operations for _, _, operations in stages)
    return operations / (312e12 * 0.5) / 3600


def simulate(rng: np.random.Generator, beyond: float) -> tuple[PairedAnswers, dict]:
    """Simulate the answers under a scorer's masks and under each control's, by (draw, culture)."""
    count = IMAGES * PER_IMAGE
    culture = np.repeat(np.arange(CULTURES), count)
    image = np.arange(len(culture)) // PER_IMAGE
    before = draw_luck(rng, image, 1)[0] < ACCURACY

    def answer(loss: np.ndarray) -> PairedAnswers:
        luck = draw_luck(rng, image, len(loss))
        lost, won = luck < loss[:, culture], luck < WON * loss[:, culture]
        nothing = np.zeros(luck.shape, dtype=np.float32)
        return PairedAnswers(
            outcome="accuracy",
            cultures=tuple(f"{number:02}" for number in range(CULTURES)),
            culture=culture,
            image=image,
            before=before,
            chance=np.full(len(culture), 0.25),
            asked=np.ones(luck.shape, dtype=bool),
            gained=np.where(before, -1.0 * lost, won),
            switched=nothing,
            non_letter_mass=nothing,
            letter_entropy=nothing,
        )

    own = np.eye(CULTURES, dtype=bool)
    loss = CROSS * _spread(rng, (CULTURES, 1)) * _spread(rng, (1, CULTURES))
    loss = loss + own * beyond / 100 / ACCURACY * _spread(rng, (CULTURES, 1))
    controls = {
        name: answer(size * _spread(rng, (DRAWS * CULTURES, 1)) * np.ones((1, CULTURES)))
        for name, size in CONTROLS.items()
    }
    return answer(loss), controls


def _spread(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return 1 + SPREAD * rng.uniform(-1, 1, shape)


def judge(task: tuple[float, int, int]) -> np.ndarray:
    """Simulate one study: whether its verdict is shown, and the draws until that is settled.

    Returns:
        (settings, 2).
    """
    beyond, seed, resamples = task
    rng = np.random.default_rng([seed, round(10 * beyond)])
    scorer, controls = simulate(rng, beyond)
    names = [MaskName(culture, draw) for draw in range(DRAWS) for culture in scorer.cultures]
    asked = (scorer, controls, names, resamples, seed)
    return np.array([_judge_setting(setting, *asked) for setting in SETTINGS])


def _judge_setting(
    setting: Setting,
    scorer: PairedAnswers,
    controls: dict[str, PairedAnswers],
    names: list[MaskName],
    resamples: int,
    seed: int,
) -> tuple[bool, float]:
    kept = np.arange(CULTURES)
    scorer = _limit(scorer, list(scorer.cultures), setting.scorers, None)
    statistics = {"cross": "by_mask", "confidence": 0.95, "seed": seed}
    spread = bootstrap_cells(scorer, resamples, seed)
    shown = [bound_means(scorer, spread, kept, **statistics)["gap"][1] < 0]
    exchanged = rank_exchanged(scorer, kept, seed)
    shown.append(exchanged["rank_p"][-1] <= ALPHA)
    until = []
    for name, answers in controls.items():
        owners = [mask.culture for mask in names]
        control = _limit(answers, owners, *limit_control(setting, name))
        drawn = {"name": name, "kind": name, "draws": DRAWS}
        ranks = rank_effects(scorer, control, names, drawn, kept=kept, resamples=10, **statistics)
        tests = {
            measure: p
            for culture, measure, p in zip(
                ranks["culture"], ranks["measure"], ranks["rank_p"], strict=True
            )
            if culture is None and measure in ("self", "gap") and p is not None
        }
        shown += [p <= ALPHA for p in tests.values()]
        # Draws are alike: with k of them as low, the first is the (DRAWS + 1) / (k + 1)-th.
        low = round(tests["self"] * (1 + DRAWS)) - 1
        until.append((DRAWS + 1) / (low + 1) if low else DRAWS)
    return all(shown), float(np.mean(until))


def _limit(
    answers: PairedAnswers, owners: list[str], others: int | None, own: int | None
) -> PairedAnswers:
    """Leave out what masks are not asked."""
    ids = [f"{number:05}" for number in range(len(answers.culture))]
    cultures = [answers.cultures[number] for number in answers.culture]
    images = [f"{number:05}" for number in answers.image]
    return replace(answers, asked=mark_asked(owners, ids, cultures, others, own, images))


def tabulate(shown: dict[float, np.ndarray]) -> Iterator[tuple]:
    """Yield a row per setting; shown: points beyond -> (studies, settings, 2)."""
    for index, setting in enumerate(SETTINGS):
        shares = [f"{found[:, index, 0].mean():.3f}" for found in shown.values()]
        draws = [f"{shown[points][:, index, 1].mean():.1f}" for points in (EFFECTS[0], EFFECTS[-1])]
        asked = (setting.random, setting.matched, setting.permuted)
        limits = ["all" if setting.scorers is None else setting.scorers]
        limits += [f"{other} / {'all' if own is None else own}" for other, own in asked]
        yield *limits, f"{count_hours(setting):.0f}", *shares, *draws


def main() -> None:
    """Simulate the studies and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200, help="of each effect")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    os.chdir(PROJECT)
    shown = {}
    with Pool(arguments.workers) as pool:
        for beyond in EFFECTS:
            tasks = [(beyond, seed, arguments.resamples) for seed in range(arguments.studies)]
            shown[beyond] = np.array(pool.map(judge, tasks, chunksize=5))
            print(f"{beyond} points: {arguments.studies} studies", flush=True)
    facts = {
        "studies": arguments.studies,
        "resamples": arguments.resamples,
        "cultures, images, questions of each": f"{CULTURES}, {IMAGES}, {PER_IMAGE}",
        "draws": DRAWS,
        "level": ALPHA,
        **describe_machine("numpy"),
    }
    header = (
        *("scorers: others", "random: others / own", "matched", "permuted"),
        "GPU hours",
        *(f"shown at {beyond} points" for beyond in EFFECTS),
        *(f"draws until settled at {beyond} points" for beyond in (EFFECTS[0], EFFECTS[-1])),
    )
    write_result("controls", header, list(tabulate(shown)), facts)


if __name__ == "__main__":
    main()
