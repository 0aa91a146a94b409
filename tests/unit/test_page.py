"""The study's page: what stands where, the tables' own numbers, and text that stays text."""

import base64
import csv
import hashlib
import re
from html.parser import HTMLParser

import pytest
from dry_runs import PROJECT

from culture_neurons.report.captions import embed_figures, render_caption
from culture_neurons.report.citation import read_citation
from culture_neurons.report.csv_tables import LARGEST, read_csv_tables
from culture_neurons.report.headlines import Told
from culture_neurons.report.page import build_page
from culture_neurons.report.provenance import describe_dataset, describe_models, list_software
from culture_neurons.storage.tables import write_table

HOSTILE = (
    "</td></script><script>alert(1)</script><img src=x onerror='alert(2)'> & \"quoted\" {{ 7 * 7 }}"
)
CONFIG = {
    "extract": {"hookpoints": ["mlp.gate_act", "attn.head"]},
    "score": {"scorers": [{"name": "cas"}]},
    "select": {
        "rates_at": {"attn.head": [0.05, 0.1]},
        "rates": [0.01],
        "controls": [{"name": "random", "draws": 20}],
    },
    "cells": {"splits": [0]},
    "intervene": [{"name": "ablate"}],
    "steer": [],
}


class Seen(HTMLParser):
    """What a page has: tags with attributes, its text, and tables of (title or text, text)."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.tables = [], "", {}
        self._cell = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "table":
            self._rows = self.tables.setdefault(dict(attributes)["id"], [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cell = [dict(attributes).get("title"), ""]

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            value, text = self._cell
            self._rows[-1].append((text if value is None else value, text))
            self._cell = None

    def handle_data(self, data):
        self.text += data
        if self._cell is not None:
            self._cell[1] += data


def make_figure(folder, category, family, labels):
    path = folder / f"{family}-{'-'.join(labels.values())}.svg"
    path.write_text(f"<svg xmlns='http://www.w3.org/2000/svg'><title>{path.stem}</title></svg>")
    caption = folder / "caption.rst"
    caption.write_text("Of {{ snakemake.wildcards.split }} at *{{ snakemake.params.alpha }}*.")
    return {
        "path": str(path),
        "caption": str(caption),
        "category": category,
        "family": family,
        "labels": labels,
        "wildcards": {"split": "split0"},
        "params": {"alpha": 0.05},
    }


@pytest.fixture
def make_page(tmp_path):
    """A function that makes a page whose words people chose."""

    def make(word="plain", *, sensitivity=(), measured=True, rows=3, more=()):
        (tmp_path / "tables").mkdir(exist_ok=True)
        with (tmp_path / "tables/effects.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [["culture", "delta", "questions"], *([word, -0.123456, 7] for _ in range(rows))]
            )
        (tmp_path / "tables/doses.csv").write_text("culture\n")
        figures = [
            make_figure(tmp_path, "Effects", "Culture by culture", {"outcome": "accuracy"}),
            make_figure(tmp_path, "Effects", "Self against cross, h", {"outcome": "logp"}),
            make_figure(tmp_path, "Effects", "Self against cross, h", {"outcome": "accuracy"}),
            make_figure(tmp_path, "Sensitivity", "Effects", {"figure": "rates"}),
        ][: 4 if measured else 3]
        figures += [make_figure(tmp_path, *words, {"outcome": "accuracy"}) for words in more]
        return build_page(
            models=[{"model": "tiny", "checkpoint": word, "commit": "abc", "questions": 7}],
            dataset={
                "source": word,
                "commit": None,
                "fingerprint": "f00d",
                "folds": 4,
                "questions": 7,
                "pictures": 4,
                "rejected": 1,
                "absent": [word],
                "cultures": [{"culture": "AVL", "name": word}],
                "example": {"culture": "AVL", "question": word, "options": [word], "right": word},
            },
            config=CONFIG,
            words=Told("Verdicts", ["model", "by accuracy"], [["tiny", word]]),
            told=[Told(word, ["self"], [["-68.1 [-78.5, -56.5]"]])],
            figures=embed_figures(figures, {}),
            tables=read_csv_tables(sorted((tmp_path / "tables").glob("*.csv")), tmp_path),
            sensitivity=sensitivity,
            citation=read_citation(PROJECT / "CITATION.cff"),
            demo_models=["tiny"] if measured else [],
            settings=[("cells.folds", 4, 8), ("dataset.source", word, None)],
            software={"polars": ["2.1.0"]},
        )

    return make


def test_sections_stand_in_the_order_of_a_reader_s_questions(make_page):
    sections = [attributes["id"] for tag, attributes in Seen(make_page()).tags if tag == "section"]
    assert sections == [
        "asked",
        "verdicts",
        "figures",
        "tables",
        "sensitivity",
        "cite",
        "settings",
        "versions",
    ]


def test_of_several_components_the_first_figure_is_that_of_all(make_page):
    more = [("Effects", "Self against cross, g"), ("Components", "Self against cross")]
    first, *_ = [attributes for tag, attributes in Seen(make_page(more=more)).tags if tag == "img"]
    assert first["alt"] == "Self against cross: accuracy"
    assert "mlp.gate_act, attn.head" in make_page()
    assert "; at attn.head 5 %, 10 %" in make_page()


def test_the_first_figure_is_that_of_the_verdicts_and_each_is_there_once(make_page, tmp_path):
    pictures = [attributes for tag, attributes in Seen(make_page()).tags if tag == "img"]
    assert [picture["alt"] for picture in pictures] == [
        "Self against cross, h: accuracy",
        "Culture by culture: accuracy",
        "Self against cross, h: logp",
        "Effects: rates",
    ]
    for picture in pictures:
        kind, _, content = picture["src"].partition(",")
        assert kind == "data:image/svg+xml;base64"
        path = tmp_path / (picture["alt"].replace(": ", "-") + ".svg")
        assert base64.b64decode(content) == path.read_bytes()


def test_cells_are_those_of_the_file_and_shown_with_four_digits(make_page, tmp_path):
    header, *rows = Seen(make_page()).tables["tables/effects.csv"]
    with (tmp_path / "tables/effects.csv").open(newline="") as file:
        columns, *expected = csv.reader(file)
    assert [text for _, text in header] == columns
    assert [[value for value, _ in row] for row in rows] == expected
    assert [text for _, text in rows[0]] == ["plain", "-0.1235", "7"]


def test_a_large_table_and_one_without_rows_are_links(make_page):
    seen = Seen(make_page(rows=LARGEST + 1))
    assert not {"tables/effects.csv", "tables/doses.csv"} & seen.tables.keys()
    links = [attributes.get("href") for tag, attributes in seen.tags if tag == "a"]
    assert {"tables/effects.csv", "tables/doses.csv"} <= {*links}
    assert f"{LARGEST + 1} rows" in seen.text
    assert "tables/effects.csv" in Seen(make_page(rows=LARGEST)).tables


def test_words_with_markup_stay_words(make_page):
    harmless, hostile = Seen(make_page()), Seen(make_page(HOSTILE))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    assert not [attributes for _, attributes in hostile.tags if "onerror" in attributes]
    assert hostile.text.count(HOSTILE) == harmless.text.count("plain") > 10


def test_the_page_asks_for_nothing_and_runs_its_own_script_alone(make_page):
    page = make_page()
    seen = Seen(page)
    sources = [attributes.get(name) for _, attributes in seen.tags for name in ("src", "href")]
    assert all(re.match("data:|#|tables/", source) for source in sources if source)
    policy = next(a["content"] for _, a in seen.tags if a.get("http-equiv"))
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_sensitivity_is_told_or_said_not_to_be_measured(make_page):
    told = Told("Does it hold?", ["conclusion"], [["sign holds"]])
    assert "sign holds" in Seen(make_page(sensitivity=[told])).text
    assert "Not measured" not in Seen(make_page()).text
    assert "Not measured" in Seen(make_page(measured=False)).text


def test_a_demo_s_page_says_that_it_is_a_positive_control(make_page):
    assert "A positive control. tiny: trained by this project's demo" in Seen(make_page()).text
    assert "positive control" not in Seen(make_page(measured=False)).text


def test_settings_versions_and_works_to_cite_are_there(make_page):
    seen = Seen(make_page())
    assert [[text for _, text in row] for row in seen.tables["changed"][1:]] == [
        ["cells.folds", "4", "8"],
        ["dataset.source", "plain", ""],
    ]
    versions = {row[0][1]: row[1][1] for row in seen.tables["made-with"][1:]}
    assert versions["model tiny"] == "plain abc"
    assert versions["dataset plain"] == "content f00d"
    assert versions["polars"] == "2.1.0"
    assert "arXiv 2510.24942" in seen.text


def test_a_caption_quotes_its_job_and_escapes_what_it_quotes():
    job = {"wildcards": {"model": "a<b>"}, "params": {"rate": 0.01}, "config": {"n": [1]}}
    template = (
        "{% if snakemake.config.n %}\n**{{ snakemake.wildcards.model }}** at "
        '{{ "%g" % (100 * snakemake.params.rate) }} % in ``a.csv``\n{% endif %}\n'
    )
    written = render_caption(template, job)
    assert "<strong>a&lt;b&gt;</strong> at 1 %" in written
    assert Seen(written).text.split() == ["a<b>", "at", "1", "%", "in", "a.csv"]


def test_a_caption_that_quotes_what_the_job_lacks_is_an_error():
    with pytest.raises(Exception, match="rate"):
        render_caption("{{ snakemake.params.rate }}", {"params": {}})


def test_what_the_files_say_of_models_dataset_and_software(tmp_path):
    facts = {"dataset": "f00d", "dataset_source": "rows", "dataset_commit": "c0", "folds": 4}
    facts |= {"absent": ["CEN"], "software": {"datasets": "5"}}
    text = [{"prompt": "english", "question": "Which?", "options": ["tea", "milk"]}]
    columns = {
        "question_id": ["p_0", "p_1", "q_0"],
        "image_id": ["p", "p", "q"],
        "culture": ["BOK", "BOK", "AVL"],
        "subset": ["s"] * 3,
        "language": ["l"] * 3,
        "category": ["c"] * 3,
        "texts": [text] * 3,
        "answer": [1, 0, 0],
        "fold": [0, 0, 1],
    }
    write_table(tmp_path / "questions.parquet", "questions", columns, facts)
    write_table(tmp_path / "rejected.parquet", "rejected", make_empty("rejected"), facts)
    (tmp_path / "cultures.tsv").write_text("code\tname\tsubsets\nAVL\t<b>\tx\nBOK\tBoskar\ty\n")
    dataset = describe_dataset(
        tmp_path / "questions.parquet", tmp_path / "rejected.parquet", tmp_path / "cultures.tsv"
    )
    assert (dataset["questions"], dataset["pictures"], dataset["rejected"]) == (3, 2, 0)
    assert (dataset["source"], dataset["commit"], dataset["absent"]) == ("rows", "c0", ["CEN"])
    assert dataset["cultures"] == [
        {"culture": "AVL", "name": "<b>", "questions": 1, "pictures": 1},
        {"culture": "BOK", "name": "Boskar", "questions": 2, "pictures": 1},
    ]
    assert dataset["example"]["right"] == "milk"
    model = {"model": "tiny", "checkpoint": "o/n", "commit": "abc", "decoder": "mistral"}
    model |= {"dtype": "float32", "prompt": "english"}
    answered = facts | model | {"software": {"torch": "2", "datasets": "6"}}
    write_table(tmp_path / "answers.parquet", "answers", make_empty("answers"), answered)
    (tmp_path / "cultures.csv").write_text(
        "model,culture,correct,used,questions\ntiny,AVL,1,0,1\ntiny,BOK,1,1,2\nother,BOK,9,9,9\n"
    )
    assert describe_models([tmp_path / "answers.parquet"], tmp_path / "cultures.csv") == [
        model | {"questions": 3, "correct": 2, "cultures": 1}
    ]
    files = {kind: [tmp_path / f"{kind}.parquet"] for kind in ("questions", "answers")}
    assert list_software(files) == {"datasets": ["5", "6"], "torch": ["2"]}


def make_empty(kind):
    from culture_neurons.storage.schemas import SCHEMAS

    return {column: [] for column in SCHEMAS[kind].names}
