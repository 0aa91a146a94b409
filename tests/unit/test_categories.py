"""Effects by category: python loops as the reference, and intervals that cluster by image."""

import numpy as np
import polars as pl
import pytest
from paired import pair_answers

from culture_neurons.evaluate.categories import measure_categories
from culture_neurons.storage.tables import write_table

CULTURES, QUESTIONS = 3, 60
SETTINGS = {"resamples": 2000, "confidence": 0.95, "seed": 0}


def make_paired(seed=0, sampled=False, images=20):
    generator = np.random.default_rng(seed)
    culture = np.sort(np.arange(QUESTIONS) % CULTURES)
    shape = (CULTURES, QUESTIONS)
    asked = np.ones(shape, dtype=bool)
    if sampled:
        asked = (generator.random(shape) < 0.3) | (culture == np.arange(CULTURES)[:, None])
    return pair_answers(
        culture,
        np.arange(QUESTIONS) * images // QUESTIONS,
        before=generator.random(QUESTIONS) < 0.7,
        asked=asked,
        gained=generator.integers(-1, 2, shape).astype(float) * asked,
    )


def read(columns):
    rows = pl.DataFrame(columns).iter_rows(named=True)
    return {(row["category"], row["measure"]): row for row in rows}


CATEGORIES = np.array(["food", "sport", "art"])[np.arange(QUESTIONS) * 7 % 3]


@pytest.mark.parametrize("sampled", [False, True])
def test_values_are_means_over_the_questions_asked(sampled):
    paired = make_paired(sampled=sampled)
    found = read(measure_categories(paired, CATEGORIES, **SETTINGS))
    assert len(found) == 9
    for category in ("art", "food", "sport"):
        own, other = [], []
        for mask in range(CULTURES):
            for question in range(QUESTIONS):
                if CATEGORIES[question] == category and paired.asked[mask, question]:
                    side = own if paired.culture[question] == mask else other
                    side.append(paired.gained[mask, question])
        assert found[category, "self"]["value"] == pytest.approx(np.mean(own))
        assert found[category, "cross_by_mask"]["value"] == pytest.approx(np.mean(other))
        gap = found[category, "gap"]
        assert gap["value"] == pytest.approx(np.mean(own) - np.mean(other))
        assert gap["questions"] == sum(category == CATEGORIES)
        assert gap["cultures"] == 3


def test_intervals_hold_the_value_and_widen_where_images_repeat():
    own = {}
    for images in (60, 10):
        paired = make_paired(images=images)
        culture = paired.culture
        paired.gained[culture, np.arange(QUESTIONS)] = -(paired.image % 2.0)  # alike in an image
        own[images] = read(measure_categories(paired, np.array(["x"] * 60), **SETTINGS))[
            "x", "self"
        ]
        assert own[images]["ci_low"] < own[images]["value"] < own[images]["ci_high"]
    widths = {images: row["ci_high"] - row["ci_low"] for images, row in own.items()}
    assert widths[10] > 1.7 * widths[60]


def test_a_category_of_one_question_has_an_interval_and_no_change_is_no_certainty():
    paired = make_paired()
    paired.gained[:] = 0
    categories = CATEGORIES.copy()
    categories[0] = "rare"
    row = read(measure_categories(paired, categories, **SETTINGS))["rare", "self"]
    assert (row["questions"], row["cultures"], row["value"]) == (1, 1, 0)
    assert row["ci_low"] < 0 < row["ci_high"]


def test_a_category_that_others_were_not_asked_has_no_cross():
    paired = make_paired()
    paired.asked[:] = paired.culture == np.arange(CULTURES)[:, None]
    found = read(measure_categories(paired, CATEGORIES, **SETTINGS))
    assert np.isnan(found["food", "cross_by_mask"]["value"])
    assert np.isfinite(found["food", "self"]["value"])


def test_rows_make_a_table(tmp_path):
    rows = measure_categories(make_paired(), CATEGORIES, **SETTINGS)
    write_table(tmp_path / "c.parquet", "categories", {"scorer": "cas", **rows}, {})
    assert pl.read_parquet(tmp_path / "c.parquet")["scorer"].unique().to_list() == ["cas"]
