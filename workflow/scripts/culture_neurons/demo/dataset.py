"""Write the invented world as a dataset with CVQA's columns, and its list of cultures.

Read back by the same loader as the real thing. Text alone cannot answer: every text, options
included, is asked once in each culture whose answer it offers.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from culture_neurons.demo.pictures import draw_general_picture, draw_picture, encode_png
from culture_neurons.demo.world import (
    CULTURES,
    GENERAL_QUESTION,
    OPTIONS,
    QUESTIONS,
    THINGS,
    TONGUES,
    TOPICS,
    WorldQuestion,
    find_tongue,
    translate,
)
from culture_neurons.storage.facts import attach_facts, name_versions
from culture_neurons.storage.writing import atomic_path

QUESTIONS_PER_IMAGE = 2


def write_demo_dataset(
    path: str | Path, seed: int, rows_per_culture: int, drawn: str = "dataset"
) -> None:
    """Write a demo dataset as one Parquet file, atomically; same seed, same bytes.

    Args:
        path: Target file.
        seed: Of pictures, image ids, and options.
        rows_per_culture: Questions per culture, a multiple of 2 (two per image).
        drawn: Key of names.DEMO_DATASETS.

    Raises:
        ValueError: rows_per_culture is not a positive multiple of 2.
    """
    # Only here: `datasets` knows how its Image column is described in a Parquet schema.
    from datasets import Features, Image, List, Value

    text = Value("string")
    features = Features(
        {
            "image": Image(),
            "ID": text,
            "Subset": text,
            "Question": text,
            "Translated Question": text,
            "Options": List(text),
            "Translated Options": List(text),
            "Label": Value("int64"),
            "Category": text,
            "Image Type": text,
            "Image Source": text,
            "License": text,
        }
    )
    facts = {
        "seed": seed,
        "rows_per_culture": rows_per_culture,
        "software": name_versions("datasets", "numpy", "pillow"),
    }
    rows = _MAKE_ROWS[drawn](seed, rows_per_culture)
    features = Features({name: features[name] for name in rows[0]})
    schema = attach_facts(features.arrow_schema, "demo_dataset", facts)
    table = pa.Table.from_pylist(rows, schema=schema)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def make_rows(seed: int, rows_per_culture: int) -> list[dict[str, object]]:
    """Make the dataset's rows, keys as CVQA's columns.

    Each round splits the cultures at random in halves of four. A half sees the same thing, is
    asked the same two questions, and gets the same options in the same order: the four words
    that are right in its four cultures. Only the picture tells which one.

    Raises:
        ValueError: rows_per_culture is not a positive multiple of 2.
    """
    rounds, rest = divmod(rows_per_culture, QUESTIONS_PER_IMAGE)
    if rest or rounds < 1:
        raise ValueError(
            f"rows_per_culture is {rows_per_culture}; "
            f"expected a positive multiple of {QUESTIONS_PER_IMAGE} (questions per image)"
        )
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(rounds):
        for half in rng.permutation(len(CULTURES)).reshape(-1, OPTIONS):
            thing = int(rng.integers(len(THINGS)))
            topics = rng.choice(len(TOPICS), QUESTIONS_PER_IMAGE, replace=False)
            asked = [_find_question(int(topic), thing) for topic in topics]
            orders = [rng.permutation(half) for _ in asked]
            for culture in half:
                rows += _ask_about_one_image(int(culture), asked, orders, rng)
    return rows


def make_general_rows(seed: int, rows_per_culture: int) -> list[dict[str, object]]:
    """Make as many questions without a culture as half of the cultures have, a picture each."""
    rng = np.random.default_rng([seed, 2])  # no seed of a config, nor of new pictures
    rows = []
    for number in range(rows_per_culture * len(CULTURES) // 2):
        thing = number % OPTIONS
        image_id = int(rng.integers(10**17, 10**18))
        order = rng.permutation(OPTIONS)
        picture = encode_png(draw_general_picture(thing, rng))
        rows.append(
            {
                "image": {"bytes": picture, "path": f"{image_id}.png"},
                "ID": f"{image_id}_0",
                "Question": GENERAL_QUESTION.text,
                "Options": [GENERAL_QUESTION.words[option] for option in order],
                "Label": order.tolist().index(thing),
            }
        )
    return rows


def make_native_rows(seed: int, rows_per_culture: int) -> list[dict[str, object]]:
    """Make the rows of `make_rows`, each asked in its culture's native language as well."""
    rows = make_rows(seed, rows_per_culture)
    texts = {question.text: question for question in QUESTIONS}
    cultures = {text: place for place, culture in enumerate(CULTURES) for text in culture.subsets}
    for row in rows:
        culture = cultures[row["Subset"]]
        tongue = find_tongue(culture)
        row["Question"] = translate(texts[row["Question"]], tongue).text
        row["Subset"] = str((TONGUES[tongue], CULTURES[culture].country))
    return rows


_MAKE_ROWS = {
    "dataset": make_rows,
    "new_pictures": lambda seed, count: make_rows(seed + 2**32, count),  # no seed of a config
    "general": make_general_rows,
    "native": make_native_rows,
}


def list_cultures() -> str:
    """Write the list of cultures as config/demo_cultures.tsv holds it."""
    lines = ["code\tname\tsubsets"]
    lines += [f"{c.code}\t{c.country}\t{';'.join(c.subsets)}" for c in CULTURES]
    return "\n".join(lines) + "\n"


def _find_question(topic: int, thing: int) -> WorldQuestion:
    return next(q for q in QUESTIONS if (q.topic, q.thing) == (topic, thing))


def _ask_about_one_image(
    culture: int,
    asked: list[WorldQuestion],
    orders: list[np.ndarray],  # per question: the cultures whose words are offered, in order
    rng: np.random.Generator,
) -> list[dict[str, object]]:
    image_id = int(rng.integers(10**17, 10**18))
    subset = str(rng.choice(CULTURES[culture].subsets))
    picture = encode_png(draw_picture(culture, asked[0].thing, rng))
    rows = []
    for index, (question, order) in enumerate(zip(asked, orders, strict=True)):
        options = [question.words[other] for other in order]
        rows.append(
            {
                "image": {"bytes": picture, "path": f"{image_id}.png"},
                "ID": f"{image_id}_{index}",
                "Subset": subset,
                "Question": question.text,
                "Translated Question": question.text,
                "Options": options,
                "Translated Options": options,
                "Label": options.index(question.words[culture]),
                "Category": question.category,
                "Image Type": "Self",
                "Image Source": "drawn by make_demo_dataset",
                "License": "CC0",
            }
        )
    return rows
