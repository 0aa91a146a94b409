"""Folds never change, and the halves of a split are disjoint and complete."""

from collections import Counter

import pytest

from culture_neurons.dataset.folds import assign_fold, evaluate_folds, identify_folds, list_parts


@pytest.mark.parametrize(
    ("image_id", "first_bytes"),
    [
        ("5919991144272485961", 0x67A7AC591501BB07),  # as `echo -n ... | sha256sum` prints them
        ("p0", 0x169B5B823C62B64C),
        ("é", 0x4A99557E4033C353),
    ],
)
def test_an_image_s_fold_is_its_hash_modulo_the_folds(image_id, first_bytes):
    for folds in range(2, 10):
        assert assign_fold(image_id, folds) == first_bytes % folds


def test_folds_of_twelve_images_are_pinned():
    assert [assign_fold(f"picture {n}", 8) for n in range(12)] == [
        *(6, 4, 0, 3, 1, 2),
        *(5, 5, 0, 2, 2, 2),
    ]


def test_folds_are_about_equally_large():
    sizes = Counter(assign_fold(f"image {n}", 8) for n in range(4000))
    assert set(sizes) == set(range(8))
    assert min(sizes.values()) > 500 - 4 * 21  # sd of a binomial (4000, 1 / 8) is 20.9
    assert max(sizes.values()) < 500 + 4 * 21


def test_halves_of_a_split_are_pinned():
    assert [identify_folds(8, split) for split in range(4)] == [
        [0, 3, 4, 6],
        [0, 2, 4, 5],
        [0, 2, 4, 6],
        [1, 4, 5, 6],
    ]
    assert [identify_folds(4, split) for split in range(4)] == [[1, 2], [1, 2], [0, 2], [0, 2]]
    assert identify_folds(2, 0) == [0]
    assert identify_folds(9, 1) == [0, 4, 6, 8]


@pytest.mark.parametrize("folds", range(2, 10))
def test_halves_are_disjoint_complete_and_sorted(folds):
    for split in range(20):
        identify, evaluate = identify_folds(folds, split), evaluate_folds(folds, split)
        assert len(identify) == folds // 2
        assert sorted(identify + evaluate) == list(range(folds))
        assert identify == sorted(identify)
        assert evaluate == sorted(evaluate)


@pytest.mark.parametrize("folds", range(3, 10))
def test_a_strength_is_chosen_on_half_of_the_folds_that_evaluate(folds):
    for split in range(20):
        evaluate = evaluate_folds(folds, split)
        parts = list_parts(folds, split, tune=True)
        assert sorted(sum(parts.values(), [])) == evaluate
        assert len(parts["tune_folds"]) == len(evaluate) // 2 >= 1
        assert len(parts["evaluate_folds"]) >= 1
        assert list_parts(folds, split, tune=False) == {"evaluate_folds": evaluate}
    assert list_parts(8, 0, tune=True) == {"tune_folds": [2, 5], "evaluate_folds": [1, 7]}


def test_splits_of_eight_folds_differ_and_use_every_fold_on_either_side():
    halves = [tuple(identify_folds(8, split)) for split in range(20)]
    assert len(set(halves)) > 10
    assert {fold for half in halves for fold in half} == set(range(8))
