"""The examples and recipes of docs/datasets.md, from a few rows of each kind to questions."""

import base64
import csv
import json
import re
from pathlib import Path

import datasets
import huggingface_hub
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from dataset_rows import make_picture, prepare_as_config_says

from culture_neurons.dataset.preparation import iterate_images
from culture_neurons.dataset.prepared import PictureFile, read_questions
from culture_neurons.storage.tables import to_columns, write_table
from planning.config import complete_config

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/datasets.md").read_text(encoding="utf-8")
RED, BLUE, GREEN = map(make_picture, ("red", "blue", "green"))
COMMIT = "0123456789" * 4


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A study's folder to stand in, an empty Hub cache, and no network."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    (tmp_path / "study/my_data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def read_blocks(title):
    """The indented blocks below a heading of the page."""
    part = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S).group(1)
    blocks = re.findall(r"(?:(?:^    .*|)\n)+", part, re.M)
    return [re.sub("^    ", "", block, flags=re.M).strip("\n") for block in blocks if block.strip()]


def read_example(title):
    """An example's settings, completed by planning; its culture file is written."""
    (block,) = read_blocks(title)
    text, _, cultures = block.partition("\n\ncode\t")
    config = yaml.safe_load(text)
    Path("my_data/cultures.tsv").write_text(f"code\t{cultures}\n", encoding="utf-8")
    study = config.get("dataset") or {"source": "owner/name", "cultures": "config/cultures.tsv"}
    prompt = next(iter((study.get("columns") or {"texts": {"english": 0}})["texts"]))
    models = [{"name": "m", "checkpoint": "owner/name", "prompt": prompt}]
    completed = complete_config({"dataset": study, "models": models, **config}, ROOT)
    return next(iter(completed["other_datasets"].values()), completed["dataset"])


def write_hub(name, files, card=None):
    """A Hub dataset in the cache, its files linked as the cache does."""
    repository = (
        Path(huggingface_hub.constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}"
    )
    snapshot = repository / "snapshots" / COMMIT
    (repository / "blobs").mkdir(parents=True)
    for number, (path, write) in enumerate(files.items()):
        blob = repository / "blobs" / f"{number:064}"
        write(blob)
        (snapshot / path).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / path).symlink_to(blob)
    if card is not None:
        text = f"---\n{yaml.safe_dump({'configs': card})}---\n"
        (snapshot / "README.md").write_text(text, encoding="utf-8")
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(COMMIT)


def as_parquet(rows):
    return lambda path: pq.write_table(pa.Table.from_pylist(rows), path)


def as_arrow(rows):
    def write(path):
        table = pa.Table.from_pylist(rows)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)

    return write


def as_text(rows, delimiter):
    def write(path):
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)

    return write


def as_jsonl(rows):
    return lambda path: Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))


def encode(picture):
    return base64.b64encode(picture).decode()


def write_cvqa():
    texts = {
        "Question": "これは?",
        "Translated Question": "What is it?",
        "Options": ["茶", "米", "汁", "餅"],
        "Translated Options": ["tea", "rice", "soup", "cake"],
        "Category": "Food",
    }
    rows = [
        {"image": {"bytes": RED, "path": "a.png"}, "ID": "a_0", "Label": 2, **texts}
        | {"Subset": "('Japanese', 'Japan')"},
        {"image": {"bytes": BLUE, "path": "b.png"}, "ID": "b_0", "Label": 0, **texts}
        | {"Subset": "('Sinhala', 'Sri_Lanka')"},
    ]
    write_hub("afaji/cvqa", {"data/test-00000-of-00001.parquet": as_parquet(rows)})


def write_names():
    rows = [
        {"qid": "q1", "photo": RED, "country": "Japan", "answer": "C", "question": "What?"}
        | {"choices": ["tea", "rice", "soup", "cake"]},
        {"qid": "q2", "photo": BLUE, "country": "South_Korea", "answer": "a.", "question": "Which?"}
        | {"choices": ["kimchi", "rice", "soup", "cake"]},
    ]
    pl.DataFrame(rows).write_parquet("my_data/rows.parquet")


def write_pairs():
    Path("my_pictures/deep").mkdir(parents=True)
    Path("my_pictures/a.png").write_bytes(RED)
    Path("my_pictures/deep/b.png").write_bytes(BLUE)
    rows = [
        {"qid": "1", "photo": "a.png", "language": "Portuguese", "country": "Brazil", "right": "1"}
        | {"topic": "Food", "question": 'Is it "pão"?', "first": "None", "second": "NA"}
        | {"third": "1.50", "fourth": "007"},
        {"qid": "2", "photo": "deep/b.png", "language": "Basque", "country": "Spain", "right": "4"}
        | {"topic": "Sport", "question": "Where,\nexactly?", "first": "true", "second": "null"}
        | {"third": "1,5", "fourth": "x\ny"},
    ]
    as_text(rows, ",")("my_data/rows.csv")


SEA = ["cambodia", "indonesia", "laos", "malaysia"]
SEA += ["philippines", "singapore", "thailand", "vietnam"]


def write_sea():
    pictures = Path("my_data/sea_vqa_pictures")
    pictures.mkdir()
    files = {}
    for number, split in enumerate(SEA):
        (pictures / f"{split}.jpg").write_bytes(make_picture((9 * number, 0, 0)))
        choices = {f"choice_{letter}": f"{split} {letter}" for letter in "abcd"}
        row = {"question": f"What is done in {split}?", **choices, "correct_answer": f"{split} b"}
        row |= {"image_path": f"{split}.jpg", "image_page": "https://x", "copyright": ""}
        files[f"{split}/data-00000-of-00001.arrow"] = as_arrow([row])
    paths = [{"split": split, "path": f"{split}/data-00000-of-00001.arrow"} for split in SEA]
    write_hub("wit543/sea-vqa", files, [{"config_name": "default", "data_files": paths}])


def write_medical():
    files = {}
    for number, country in enumerate(("brazil", "japan")):
        for language in ("english", "local"):
            row = {"index": "0", "image": encode((RED, BLUE)[number]), "question": f"{language}?"}
            row |= {"A": "None", "B": "1.50", "C": "c", "D": "d", "answer": "B", "split": "test"}
            files[f"{country}_{language}_processed.tsv"] = as_text([row], "\t")
    write_hub("WorldMedQA/V", files)


def write_vlmevalkit():
    rows = [
        {"index": "241", "question": "What?", "hint": "", "A": "apple", "B": "lemon", "C": ""}
        | {"D": "", "answer": "B", "category": "identity", "image": encode(RED), "split": "dev"},
        {"index": "252", "question": "Who?", "hint": "", "A": "w", "B": "x", "C": "y", "D": "z"}
        | {"answer": "D", "category": "style", "split": "dev"}
        | {"image": f"data:image/png;base64,{encode(BLUE)}"},
    ]
    as_text(rows, "\t")("my_data/MMBench_DEV_EN.tsv")


def write_implications():
    options = {f"option{number}": f"meaning {number}" for number in range(1, 7)}
    row = {"id": 3, "answer": "F", "question": "What is implied?", **options}
    row |= {"image": {"bytes": GREEN, "path": "images/1.jpg"}, "image_type": "Meme"}
    files = {"data/dev-00000-of-00001.parquet": as_parquet([row])}
    hidden = as_parquet([row | {"answer": "?"}])
    write_hub("m-a-p/II-Bench", files | {"data/test-00000-of-00001.parquet": hidden})


def write_blend():
    rows = [
        {"MCQID": "Al-en-06_17", "ID": "Al-en-06", "country": country, "prompt": "What is eaten?"}
        | {"choices": json.dumps({"A": "bread", "B": "rice", "C": "soup", "D": "fish"})}
        | {"choice_countries": "{}", "answer_idx": answer, "image": encode(picture)}
        for country, answer, picture in (("China", "B", RED), ("Iran", "A", BLUE))
    ]
    rows[1]["MCQID"] = "Al-en-06_18"
    as_jsonl(rows)("my_data/blend.jsonl")


def write_configurations():
    row = {"sample_id": "anatomy/test/0", "subject": "anatomy", "answer": "A"}
    row |= {f"option_{letter}": f"{letter}!" for letter in "abcd"}
    files = {
        f"{name}/test-00000-of-00001.parquet": as_parquet(
            [row | {"question": f"In {name}?", "image": picture}]
        )
        for name, picture in (("en", GREEN), ("hi", RED), ("sw", BLUE))
    }
    card = [
        {"config_name": name, "data_files": [{"split": "test", "path": f"{name}/test-*"}]}
        for name in ("en", "hi", "sw")
    ]
    write_hub("owner/questions", files, card)


LETTERS = ["bread", "rice", "soup", "fish"]
# Example -> what writes its rows; of each question id, image id, culture, options, and the answer.
EXAMPLES = {
    "CVQA": (
        write_cvqa,
        [
            ("a_0", "a", "JPN", ["tea", "rice", "soup", "cake"], "soup"),
            ("b_0", "b", "LKA", ["tea", "rice", "soup", "cake"], "tea"),
        ],
    ),
    "A name in a column": (
        write_names,
        [
            ("q1", "q1", "JPN", ["tea", "rice", "soup", "cake"], "soup"),
            ("q2", "q2", "KOR", ["kimchi", "rice", "soup", "cake"], "kimchi"),
        ],
    ),
    "A language and a country in two columns": (
        write_pairs,
        [
            ("1", "1", "BRA", ["None", "NA", "1.50", "007"], "None"),
            ("2", "2", "ESP", ["true", "null", "1,5", "x y"], "x y"),
        ],
    ),
    "SEA-VQA": (
        write_sea,
        [
            (f"{split}/0", f"{split}.jpg", code, [f"{split} {x}" for x in "abcd"], f"{split} b")
            for split, code in (("indonesia", "IDN"), ("vietnam", "VNM"))
        ],
    ),
    "WorldMedQA-V": (
        write_medical,
        [
            (f"{file}/0", f"{file}/0", code, ["None", "1.50", "c", "d"], "1.50")
            for file, code in (
                ("brazil_english_processed", "BRA"),
                ("japan_english_processed", "JPN"),
            )
        ],
    ),
    "VLMEvalKit's files": (
        write_vlmevalkit,
        [
            ("241", "241", "", ["apple", "lemon"], "lemon"),
            ("252", "252", "", ["w", "x", "y", "z"], "z"),
        ],
    ),
    "II-Bench": (
        write_implications,
        [("3", "3", "", [f"meaning {number}" for number in range(1, 7)], "meaning 6")],
    ),
    "BLEnD": (
        write_blend,
        [
            ("Al-en-06_17", "Al-en-06_17", "CHN", LETTERS, "rice"),
            ("Al-en-06_18", "Al-en-06_18", "IRN", LETTERS, "bread"),
        ],
    ),
    "Configurations": (
        write_configurations,
        [
            (
                f"{name}/anatomy/test/0",
                f"{name}/anatomy/test/0",
                code,
                ["a!", "b!", "c!", "d!"],
                "a!",
            )
            for name, code in (("hi", "HIN"), ("sw", "SWA"))
        ],
    ),
}


def ask(settings, folder):
    """Prepare a dataset and read its questions as a model is asked them."""
    absent = 1.0 if settings["source"] == "afaji/cvqa" else 0.0  # two of its thirty countries
    prepared = prepare_as_config_says(settings, max_absent=absent)
    write_table(folder / "q", "questions", to_columns("questions", prepared.questions), {})
    write_table(folder / "i", "images", iterate_images(prepared), {})
    prompt = next(iter(settings["columns"]["texts"]))
    questions = read_questions(folder / "q", PictureFile(folder / "i"), prompt, option_seed=0)
    return [
        (q.question_id, q.image_id, q.culture, list(q.options), q.options[q.answer])
        for q in questions
    ]


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_s_rows_become_questions(title, folder):
    write, expected = EXAMPLES[title]
    write()
    assert ask(read_example(title), folder) == expected


def test_every_example_and_every_recipe_is_tried():
    titles = {title: re.findall(r"^### (.*)$", part, re.M) for title, part in split_page()}
    assert set(titles["Examples"]) == {*EXAMPLES, "xMMMU"}
    assert set(titles["Recipes"]) == set(RECIPES)


def test_the_page_s_table_has_every_key_with_its_default():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    known = schema["properties"]["dataset"]["properties"]
    columns = known["columns"]["properties"]
    known = known | {f"columns.{name}": part for name, part in columns.items()}
    table = dict(split_page())["Keys"].partition("\n\nFour words")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|([^|]*)\|", table, re.M)
    stated = {}
    for names, default in rows:
        keys = re.findall("`([a-z_.]+)`", names)
        stated |= dict(zip(keys, default.replace("`", "").split(", "), strict=False))
    assert stated.keys() == known.keys() - {"columns"}
    for key in known.keys() - {"columns", "source", "cultures", "columns.texts"}:
        assert yaml.safe_load(stated[key].strip()) == known[key]["default"], key


def split_page():
    return re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)


# Recipes


def write_cuisines():
    prompt = "What is the name of this dish?\n1. Pho\n2. Bún bò\n3. Laksa\n4) Ramen\n5. Soto"
    row = {"qa_id": "q_1", "lang": "en", "food_id": 3, "multi_choice_prompt": prompt}
    return [row | {"multi_choice_answer": 5, "image": RED}]


def write_languages():
    question = "What does this building show? (A) A mosque B) A castle C) A school D) A temple"
    row = {"ID": "7", "Language": "Urdu", "English_Question": question, "file_name": RED}
    rows = [row | {"English_Answer": "B) A castle", "Question_Type": "Multiple Choice Questions"}]
    return [*rows, row | {"English_Answer": "A castle.", "Question_Type": "Short Questions"}]


def write_exam():
    folder = Path("data/multimodal-questions/images-english")
    folder.mkdir(parents=True)
    (folder / "image-1.jpg").write_bytes(RED)
    row = {"language": "english", "question_text": "Look. (image)[image-1.jpg] Which is first?"}
    row |= {"options": ["(1) one", "(2) two", "(3) three", "(4) four"], "answer_text": "2"}
    options = ["A. (image)[image-1.jpg]", "B. x", "C. y", "D. z"]
    rows = [row | {"options": options, "answer_text": "A"}, row, row | {"question_text": "None?"}]
    (folder.parent / "english-questions-image.json").write_text(json.dumps(rows))
    return []


def write_languages_of_one_exam():
    row = {"id": "validation_Art_1", "question": "What is <image 1>?", "options": "['a', 'b\\'s']"}
    row |= {"image_1": RED, "image_2": None, "answer": "B", "subfield": "Drawing"}
    return [
        row | {"question_type": "multiple-choice"},
        row | {"question_type": "open", "options": "[]"},
        row | {"question_type": "multiple-choice", "image_2": BLUE},
    ]


def write_references():
    rows = [
        {"index": "0", "image": encode(RED), "question": "a?", "A": "1.0", "B": "2", "answer": "A"},
        {"index": "1000000", "image": "0", "question": "b?", "A": "NA", "B": "2", "answer": "B"},
    ]
    as_text(rows, "\t")("MMBench.tsv")
    return []


def write_addresses():
    return [{"id": "a", "image_url": "https://x/a.png", "question": "a?", "O": ["b", "c"], "L": 1}]


ENGLISH = {"english": {"question": "question", "options": "options"}}
# Recipe -> what makes its rows, settings beside those of the page, and what is asked.
RECIPES = {
    "WorldCuisines: options inside a text": (
        write_cuisines,
        {"source": "my_data/cuisines.parquet", "label_is": "index1", "option_counts": [5]},
        {"id": "qa_id", "label": "multi_choice_answer", "texts": ENGLISH},
        [("q_1", ["Pho", "Bún bò", "Laksa", "Ramen", "Soto"], "Soto")],
    ),
    "ALM-Bench: options inside a text": (
        write_languages,
        {"source": "my_data/alm.parquet", "label_is": "text"},
        {"id": ["Language", "ID"], "image": "file_name", "label": "answer", "texts": ENGLISH},
        [("Urdu/7", ["A mosque", "A castle", "A school", "A temple"], "A castle")],
    ),
    "M3Exam: its own prefixes": (
        write_exam,
        {"source": "my_data/exam.jsonl"}
        | {"image_root": "data/multimodal-questions/images-english"},
        {"id": "id", "image_id": "image", "label": "answer", "texts": ENGLISH},
        [("english_1", ["one", "two", "three", "four"], "two")],
    ),
    "xMMMU and MMMU: marks for pictures": (
        write_languages_of_one_exam,
        {"source": "my_data/xmmmu.parquet", "label_is": "letter", "option_counts": [2]},
        {"id": ["language", "id"], "image": "image_1", "label": "answer", "texts": ENGLISH},
        [
            ("fr/validation_Art_1", ["a", "b's"], "b's"),
            ("ja/validation_Art_1", ["a", "b's"], "b's"),
        ],
    ),
    "VLMEvalKit: pictures that are written once": (
        write_references,
        {"source": "my_data/mmbench.tsv", "label_is": "letter", "option_counts": [2]},
        {"id": "index", "label": "answer"}
        | {"texts": {"english": {"question": "question", "options": ["A", "B"]}}},
        [("0", ["1.0", "2"], "1.0"), ("1000000", ["NA", "2"], "2")],
    ),
    "Pictures behind URLs": (
        write_addresses,
        {"source": "my_data/rows.parquet", "image_root": "my_pictures", "option_counts": [2]},
        {"id": "id", "label": "L"}
        | {"texts": {"english": {"question": "question", "options": "O"}}},
        [("a", ["b", "c"], "c")],
    ),
}


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_writes_what_config_can_read(title, monkeypatch, folder):
    write, settings, columns, expected = RECIPES[title]
    rows = datasets.Dataset.from_list(write() or [{"x": 1}])
    load = lambda *_, **settings: rows  # noqa: E731, ARG005
    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr("urllib.request.urlretrieve", lambda _, path: Path(path).write_bytes(GREEN))
    Path("my_pictures").mkdir()
    exec(compile(read_blocks(title)[0], title, "exec"), {})
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder.parent / "cache")
    study = {"source": "owner/name", "cultures": str(ROOT / "config/cultures.tsv")}
    study["columns"] = {"texts": ENGLISH}
    config = {"dataset": study, "other_datasets": {"x": settings | {"columns": columns}}}
    config["models"] = [{"name": "m", "checkpoint": "owner/name"}]
    asked = ask(complete_config(config, ROOT)["other_datasets"]["x"], folder)
    assert [(question, options, answer) for question, _, _, options, answer in asked] == expected


def test_options_of_several_languages_on_one_picture_are_one_example_and_are_told(caplog, folder):
    rows = [
        {"language": language, "id": "v_1", "question": "Q?", "image_1": RED, "answer": "A"}
        | {"options": "['x', 'y', 'z', \"d'eau\"]", "subfield": "Art"}
        for language in ("fr", "ja")
    ]
    as_parquet(rows)("my_data/xmmmu.parquet")
    asked = ask(read_example("xMMMU"), folder)
    assert asked == [
        (f"{language}/v_1", "fr/v", code, ["x", "y", "z", "d'eau"], "x")
        for language, code in (("fr", "FRA"), ("ja", "JPN"))
    ]
    assert "1 of 1 pictures have none to be swapped with" in caplog.text
