"""Figures: what stands above them, degenerate input, and equal bytes."""

import math
import re

import numpy as np
import pytest
from figure_families import FAMILIES, Size
from plot_tables import (
    CULTURES,
    LAYERS,
    make_answers,
    make_effects,
    make_frame,
    make_masks,
    make_questions,
    make_recovery,
    make_rejected,
    make_summaries,
)
from snakemake.iocontainers import Wildcards

from culture_neurons.plots.accuracy import plot_accuracy
from culture_neurons.plots.deactivation import plot_deactivation
from culture_neurons.plots.layers import count_model, plot_layers
from culture_neurons.plots.overlap import plot_overlap
from culture_neurons.plots.parts.inputs import ModelMasks
from culture_neurons.plots.parts.style import empty_figure, save_figure
from culture_neurons.plots.recovery import plot_recovery
from culture_neurons.plots.rejected import plot_rejected
from culture_neurons.plots.self_cross import plot_self_cross


def draw_self_cross(summaries, ranks=None, guessing=()):
    """Draw the figure; without ranks, no scorer has the control."""
    ranks = {key: make_frame("ranks") for key in summaries} | (ranks or {})
    effects = {key: make_effects() for key in summaries}
    drawn = summaries, ranks, effects, "random", {}
    return plot_self_cross(*drawn, alpha=0.05, guessing=guessing)


def draw_layers(masks, cultures=CULTURES, layers=LAYERS):
    """Draw the figure of a study of one model."""
    return plot_layers({"m": ModelMasks(masks, cultures, layers)}, "m")


def find_texts(figure, folder):
    """Save a figure and list the texts of its SVG."""
    save_figure(figure, folder / "figure.svg", folder / "figure.png")
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    svg = (folder / "figure.svg").read_text()
    return re.findall(r"<(?:text|tspan)[^>]*>([^<]+)<", svg)


# Figures

SMALL = Size({"b": "", "a": "", "c": ""}, {"m": 4}, ("mad", "cas"), -0.05)


def draw_accuracy(answers, questions, unseen=None):
    unseen = unseen or dict.fromkeys(answers, make_frame("unseen"))
    return plot_accuracy(answers, unseen, questions, 0.95)


@pytest.mark.parametrize("family", ["layers", "doses", "rejected"])  # test_plot_layout has all
def test_what_a_path_says_stands_above_the_title(family, tmp_path):
    plain, named = (FAMILIES[family](SMALL) for _ in range(2))
    wildcards = Wildcards(fromdict={"model": "m", "rate": "r0.01", "scorer": "x"})
    for figure, study in ((plain, None), (named, wildcards)):
        save_figure(figure, tmp_path / "f.svg", tmp_path / "f.png", study)
    assert "m, r0.01" in re.findall(r"<text[^>]*>([^<]+)<", (tmp_path / "f.svg").read_text())
    assert named.get_figheight() == pytest.approx(plain.get_figheight() + 0.16)
    (head,) = [text for text in named.texts if text.get_text() == "m, r0.01"]
    named.draw_without_rendering()
    boxes = [text.get_window_extent() for text in (head, named._suptitle)]
    boxes += [axes.get_tightbbox() for axes in named.axes if axes.get_visible()]
    assert not any(boxes[0].overlaps(box) for box in boxes[1:])
    assert not any(boxes[1].overlaps(box) for box in boxes[2:])


@pytest.mark.parametrize("family", FAMILIES)
def test_same_tables_give_the_same_bytes(family, tmp_path):
    paths = [[tmp_path / f"{run}.{suffix}" for suffix in ("svg", "png")] for run in (1, 2)]
    for svg, png in paths:
        save_figure(FAMILIES[family](SMALL), svg, png)
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert str(tmp_path) not in paths[0][0].read_text()


def test_small_matrices_carry_their_numbers(tmp_path):
    effects = make_frame(
        "effects",
        mask_culture=["a", "a", "b", "b"],
        culture=["a", "b", "a", "b"],
        delta=[-0.704, 0.031, -0.001, None],
        q=[0.001, 0.2, None, None],
        questions=[17] * 4,
    )
    texts = find_texts(plot_deactivation({"cas": effects}, 0.05), tmp_path)
    assert {"−70", "3", "0"} <= set(texts)
    assert "n = 2 cultures with 17 questions each" in texts
    title = "Accuracy loss is shown on the own culture in 1 of 1 cells, on others in 0 of 2"
    assert title in texts
    assert "nan" not in "".join(texts)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_accuracy({}, make_questions([])),
        lambda: draw_accuracy({"m": make_frame("answers")}, make_questions()),
        lambda: draw_layers({}, []),
        lambda: draw_layers({"cas": make_frame("masks")}),
        lambda: plot_deactivation({}, 0.05),
        lambda: plot_deactivation({"cas": make_frame("effects")}, 0.05),
        lambda: plot_deactivation(
            {"cas": make_frame("effects", mask_culture=["a"], culture=["a"], delta=[math.nan])},
            0.05,
        ),
        lambda: draw_self_cross({}),
        lambda: draw_self_cross({("m", "cas"): make_frame("summaries")}),
        lambda: plot_overlap({}, []),
        lambda: plot_overlap({"cas": make_frame("masks")}, CULTURES),
        lambda: plot_rejected(make_frame("rejected"), 9),
        lambda: plot_recovery({}, 0.95),
        lambda: plot_recovery({"m": make_frame("recovery")}, 0.95),
    ],
)
def test_nothing_to_show_is_said(draw, tmp_path):
    assert " to show: " in " ".join(find_texts(draw(), tmp_path))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_accuracy({"m": make_answers(make_questions(["a"], 1))}, make_questions(["a"])),
        lambda: draw_layers({"cas": make_masks(["a"], 1)}, ["a"], 1),
        lambda: draw_layers({"cas": make_masks(["a"]), "mad": make_frame("masks")}, ["a", "b"]),
        lambda: plot_deactivation({"cas": make_effects(["a"]), "mad": make_frame("effects")}, 0.05),
        lambda: draw_self_cross({("m", "cas"): make_summaries(["a"])}),
        lambda: draw_self_cross(
            {("m", "cas"): make_summaries(), ("n", "mad"): make_frame("summaries")}
        ),
        lambda: plot_overlap({"cas": make_masks(["a"]), "mad": make_frame("masks")}, ["a", "b"]),
        lambda: plot_rejected(make_rejected(1), 0),
        lambda: plot_rejected(make_rejected(5)[3:], 0),
        lambda: plot_recovery({"m": make_recovery(["a"]), "n": make_frame("recovery")}, 0.95),
    ],
)
def test_one_culture_or_a_missing_part_is_drawn(draw, tmp_path):
    texts = " ".join(find_texts(draw(), tmp_path))
    assert "to show" not in texts
    assert "nan" not in texts


def test_layers_of_two_models_have_the_same_limits():
    models = {
        "few": ModelMasks({"cas": make_masks(neurons=5), "lap": make_masks()}, CULTURES, LAYERS),
        "many": ModelMasks({"cas": make_masks(layers=40)}, CULTURES, 40),
    }
    limits = {}
    for name in models:
        axes = plot_layers(models, name).axes
        cells, margin = axes[:2]
        limits[name] = (cells.collections[0].norm.vmax, margin.get_ylim())
    assert limits["few"] == limits["many"]
    counts = [count for name in models for count in count_model(models[name]).values()]
    assert limits["few"][0] == max(count.max() for count in counts)


def test_neurons_are_counted_in_whole_numbers():
    figure = draw_layers({"cas": make_masks(["a"], 4, neurons=1)}, ["a"], 4)
    bar = next(axes for axes in figure.axes if axes.get_xlabel().startswith("neurons of"))
    assert bar.get_xticks().tolist() == [0, 1]


def test_marks_of_accuracy_are_what_was_answered_seeing_swapped_and_blind():
    questions = make_questions(["a", "b"], 40)
    own = questions["culture"] == "a"
    answers = make_frame("answers", question_id=questions["question_id"], correct=own)
    unseen = make_frame(
        "unseen",
        shown=["blind"] * questions.height,
        question_id=questions["question_id"],
        correct=~own,
    )
    (axes,) = draw_accuracy({"m": answers}, questions, {"m": unseen}).axes
    marks = {line.get_marker(): line.get_xdata() for line in axes.lines if len(line.get_xdata())}
    assert marks["|"].tolist() == [0, 100]
    assert np.isnan(marks["x"]).all()
    seen = next(marks[marker] for marker in marks if marker not in ("|", "x", "None"))
    assert seen.tolist() == [100, 0]


def test_titles_say_what_the_intervals_show(tmp_path):
    questions = make_questions(["a", "b"], 40)
    right = {"a": True, "b": False}
    answers = make_frame(
        "answers",
        question_id=questions["question_id"].to_list(),
        correct=[right[culture] for culture in questions["culture"]],
    )
    texts = find_texts(draw_accuracy({"m": answers}, questions), tmp_path)
    assert "accuracy is above chance in 1 of 2 cases" in " ".join(texts)
    assert "n = 2 cultures with 40 questions on 20 images each" in texts

    found = {"cas": 16, "mad": 8}
    recovery = make_frame(
        "recovery",
        scorer=list(found),
        culture=["a", "a"],
        planted=[16, 16],
        selected=[16, 16],
        hits=list(found.values()),
    )
    control = "The demo's positive control: "
    figure = plot_recovery({"m": recovery, "n": recovery}, 0.95)
    assert figure.get_suptitle() == control + "most planted neurons are found by cas"
    other = recovery.with_columns(hits=recovery["hits"].reverse())
    figure = plot_recovery({"m": recovery, "n": other}, 0.95)
    assert figure.get_suptitle() == control + "planted neurons that each scorer finds"


def test_empty_figure_shows_its_message(tmp_path):
    assert find_texts(empty_figure("Nothing was found."), tmp_path) == ["Nothing was found."]
