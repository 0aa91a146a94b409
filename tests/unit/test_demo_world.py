"""The invented world: CVQA's columns, no culture in the text, the same bytes every time."""

import ast
import io
import json
import math
import re
from collections import Counter, defaultdict
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from culture_neurons.dataset.cultures import read_cultures
from culture_neurons.demo import dataset, pictures, world

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [
    "image",
    "ID",
    "Subset",
    "Question",
    "Translated Question",
    "Options",
    "Translated Options",
    "Label",
    "Category",
    "Image Type",
    "Image Source",
    "License",
]
ROWS_PER_CULTURE = 16
CODES = {subset: culture.code for culture in world.CULTURES for subset in culture.subsets}


@pytest.fixture(scope="module")
def rows():
    return dataset.make_rows(seed=0, rows_per_culture=ROWS_PER_CULTURE)


def pixels(row):
    return np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))


def test_each_question_s_right_words_are_a_bijection_of_cultures():
    assert len(world.CULTURES) == 8
    assert len(world.QUESTIONS) == 12
    for question in world.QUESTIONS:
        assert sorted(question.words) == sorted(world.TOPICS[question.topic].words)
        assert len(set(question.words)) == len(world.CULTURES)


def test_every_word_is_right_in_one_culture_and_wrong_in_all_others():
    for question in world.QUESTIONS:
        for word in world.TOPICS[question.topic].words:
            assert [right == word for right in question.words].count(True) == 1


def test_a_word_belongs_to_no_culture_across_questions():
    homes = defaultdict(set)
    for question in world.QUESTIONS:
        for culture, word in enumerate(question.words):
            homes[word].add(culture)
    assert all(len(cultures) > 1 for cultures in homes.values())


def test_words_are_single_tokens_of_one_pool_each():
    words = world.list_words()
    assert len(words) == len(set(words)) == 32
    assert all(re.fullmatch(r"[A-Za-z]+", word) for word in words)


def test_every_text_with_its_options_is_asked_in_each_culture_that_it_offers(rows):
    """So any predictor that reads text alone, the best one included, is right in one of four."""
    labels = defaultdict(list)
    for row in rows:
        labels[row["Question"], tuple(row["Options"])].append(row["Label"])
    for found in labels.values():
        assert len(set(Counter(found).values())) == 1
        assert sorted(set(found)) == [0, 1, 2, 3]
    best = sum(max(Counter(found).values()) for found in labels.values())
    assert best / len(rows) == 0.25


def test_the_culture_s_word_is_the_right_option(rows):
    codes = [culture.code for culture in world.CULTURES]
    by_text = {question.text: question for question in world.QUESTIONS}
    for row in rows:
        right = by_text[row["Question"]].words[codes.index(CODES[row["Subset"]])]
        assert row["Options"][row["Label"]] == right
        assert len(set(row["Options"])) == 4


def test_shuffled_pictures_leave_chance(rows):
    """Answering by another picture's culture is right in about one question of four or fewer."""
    codes = [culture.code for culture in world.CULTURES]
    by_text = {question.text: question for question in world.QUESTIONS}
    rng = np.random.default_rng(0)
    right, count = 0.0, 0
    for _ in range(20):
        for row, other in zip(rows, rng.permutation(len(rows)), strict=True):
            word = by_text[row["Question"]].words[codes.index(CODES[rows[other]["Subset"]])]
            # A culture whose word is not on offer leaves a guess.
            offered = row["Options"]
            right += float(word == offered[row["Label"]]) if word in offered else 1 / len(offered)
            count += 1
    assert math.isclose(right / count, 0.25, abs_tol=0.03)


def test_no_text_names_a_culture(rows):
    names = {name.lower() for c in world.CULTURES for name in (c.code, c.country)}
    names |= {word.lower() for c in world.CULTURES for lang in c.languages for word in lang.split()}
    for row in rows:
        text = " ".join([row["Question"], *row["Options"]]).lower()
        assert names.isdisjoint(re.findall(r"\w+", text))
        assert row["Question"] == row["Translated Question"]
        assert row["Options"] == row["Translated Options"]


def test_cultures_have_equal_numbers_of_rows_and_images_carry_two_questions(rows):
    assert set(Counter(CODES[row["Subset"]] for row in rows).values()) == {ROWS_PER_CULTURE}
    images = defaultdict(list)
    for row in rows:
        image, number = row["ID"].rsplit("_", 1)
        images[image].append((int(number), row["Subset"], row["image"]["bytes"], row["Question"]))
    assert len({row["ID"] for row in rows}) == len(rows)
    for asked in images.values():
        assert [number for number, *_ in asked] == [0, 1]
        assert len({(subset, data) for _, subset, data, _ in asked}) == 1
        assert len({question for *_, question in asked}) == 2
    pictures_of = [asked[0][2] for asked in images.values()]
    assert len(set(pictures_of)) == len(pictures_of)


def test_pictures_are_small_rgb_and_cultures_look_different():
    rng = np.random.default_rng(0)
    means = []
    for culture in range(len(world.CULTURES)):
        drawn = [pictures.draw_picture(culture, thing, rng) for thing in range(3)]
        assert all(p.shape == (56, 56, 3) and p.dtype == np.uint8 for p in drawn)
        means.append(np.mean([p.mean((0, 1)) for p in drawn], 0))
    gaps = np.linalg.norm(np.array(means)[:, None] - np.array(means)[None], axis=-1)
    assert gaps[~np.eye(len(means), dtype=bool)].min() > 5


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        dataset.write_demo_dataset(tmp_path / name, seed=seed, rows_per_culture=4)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_the_file_carries_its_seed_and_size_and_the_columns_of_datasets(tmp_path):
    dataset.write_demo_dataset(tmp_path / "x.parquet", seed=3, rows_per_culture=4)
    metadata = pq.read_schema(tmp_path / "x.parquet").metadata
    facts = json.loads(metadata[b"culture_neurons"])
    assert facts["kind"] == "demo_dataset"
    assert (facts["seed"], facts["rows_per_culture"]) == (3, 4)
    assert facts["software"]["datasets"] == datasets.__version__
    assert json.loads(metadata[b"huggingface"])["info"]["features"].keys() == set(COLUMNS)


@pytest.mark.parametrize("rows_per_culture", [0, 3, -2])
def test_a_bad_size_is_refused(rows_per_culture):
    with pytest.raises(ValueError, match="positive multiple of 2"):
        dataset.make_rows(0, rows_per_culture)


def test_the_file_opens_with_datasets_in_cvqa_s_columns(tmp_path):
    path = tmp_path / "demo.parquet"
    dataset.write_demo_dataset(path, seed=0, rows_per_culture=2)
    opened = datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert opened.column_names == COLUMNS
    assert opened.features["Label"].dtype == "int64"
    assert opened[0]["image"].size == (56, 56)
    raw = opened.cast_column("image", datasets.Image(decode=False))[0]
    assert raw["image"]["bytes"].startswith(b"\x89PNG")
    assert ast.literal_eval(raw["Subset"]) in {
        (language, c.country) for c in world.CULTURES for language in c.languages
    }


def test_the_shipped_list_of_cultures_is_the_world_s():
    shipped = (ROOT / "config/demo_cultures.tsv").read_text(encoding="utf-8")
    assert shipped == dataset.list_cultures()


def test_general_questions_have_no_culture_and_every_thing_as_often():
    rows = dataset.make_general_rows(seed=0, rows_per_culture=4)
    assert list(rows[0]) == ["image", "ID", "Question", "Options", "Label"]
    right = Counter(row["Options"][row["Label"]] for row in rows)
    assert right == dict.fromkeys(world.GENERAL_THINGS, 4)
    assert {row["Question"] for row in rows} == {"What is this?"}
    assert all(sorted(row["Options"]) == sorted(world.GENERAL_THINGS) for row in rows)
    assert len({row["ID"] for row in rows}) == len({row["image"]["bytes"] for row in rows}) == 16


def test_a_general_picture_has_no_colours_of_a_culture():
    rng = np.random.default_rng(0)
    for thing in range(len(world.GENERAL_THINGS)):
        picture = pictures.draw_general_picture(thing, rng)
        edge = np.concatenate([picture[0], picture[-1]]).reshape(-1, 3).astype(float)
        assert picture.shape == (pictures.SIZE, pictures.SIZE, 3)
        assert edge.std(axis=0).max() < 20  # noise alone: no motif
        middle = picture[26:30, 10:46].reshape(-1, 3).astype(float)
        assert np.abs(middle.mean(axis=1) - edge.mean()).max() > 50  # a thing stands there


def test_new_pictures_are_of_the_same_world_and_none_of_the_study_s(tmp_path):
    paths = {name: tmp_path / f"{name}.parquet" for name in ("dataset", "new_pictures")}
    for name, path in paths.items():
        dataset.write_demo_dataset(path, seed=0, rows_per_culture=16, drawn=name)
    first, second = (pq.read_table(path).to_pylist() for path in paths.values())
    for column in ("ID", "image"):
        values = [{str(row[column]) for row in rows} for rows in (first, second)]
        assert values[0].isdisjoint(values[1])
    assert list(first[0]) == list(second[0]) == COLUMNS
    assert {row["Question"] for row in second} <= {q.text for q in world.QUESTIONS}


def test_native_rows_ask_the_same_in_the_culture_s_own_language():
    plain = dataset.make_rows(seed=0, rows_per_culture=16)
    native = dataset.make_native_rows(seed=0, rows_per_culture=16)
    english = {question.text: question for question in world.QUESTIONS}
    for before, after in zip(plain, native, strict=True):
        (_, country), (tongue, same) = (ast.literal_eval(row["Subset"]) for row in (before, after))
        assert country == same
        place = [culture.country for culture in world.CULTURES].index(country)
        assert tongue == world.TONGUES[world.find_tongue(place)]
        question = english[after["Translated Question"]]
        assert after["Question"] == world.translate(question, world.find_tongue(place)).text
        for key in before.keys() - {"Subset", "Question"}:
            assert before[key] == after[key]


def test_each_native_language_has_words_of_its_own_and_asks_each_question_once():
    texts = [
        {world.translate(question, tongue).text for question in world.QUESTIONS}
        for tongue in range(len(world.TONGUES))
    ]
    assert [len(each) for each in texts] == [len(world.QUESTIONS)] * 2
    words = [set(re.findall(r"[a-z]+", " ".join(each).lower())) for each in texts]
    english = set(re.findall(r"[a-z]+", " ".join(q.text for q in world.QUESTIONS).lower()))
    answers = {word.lower() for word in world.list_words()}
    assert words[0].isdisjoint(words[1] | english | answers)
    assert words[1].isdisjoint(english | answers)


def test_the_shipped_list_of_native_cultures_is_that_of_the_world():
    cultures = read_cultures(ROOT / "config/demo_native_cultures.tsv")
    assert cultures == {
        (world.TONGUES[world.find_tongue(place)], culture.country): culture.code
        for place, culture in enumerate(world.CULTURES)
    }
