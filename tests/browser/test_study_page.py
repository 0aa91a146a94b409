"""A reader opens the study's page without network: pictures, tables, and captions work."""

import csv
import json
import re

import pytest
from conftest import TWO_OF_EACH
from dry_runs import run_snakemake

NAME = '<img src=x onerror="document.title=1">Arvela & "co"'  # a culture's, in the study's file
CSV = "tables/masks.csv"
TABLE = f"document.getElementById('{CSV}')"
DETAILS = f"{TABLE}.closest('details')"
SHOWN = f"[...{TABLE}.tBodies[0].rows].filter((row) => !row.hidden)"


@pytest.fixture
def page(study, chromium):
    """The open page."""
    chromium.open(study / "results/report.html")
    return chromium


def read_csv(study):
    with (study / f"results/{CSV}").open(newline="") as file:
        return list(csv.DictReader(file))


def read_column(page, name):
    """Read what is shown in a column, as the file has it."""
    headings = f"[...{TABLE}.tHead.rows[0].cells].map((cell) => cell.textContent)"
    place = page.run(headings).index(name)
    cell = f"row.cells[{place}]"
    return page.run(f"{SHOWN}.map((row) => {cell}.title || {cell}.textContent)")


def click_heading(page, name):
    page.click(f"[...{TABLE}.querySelectorAll('button')].find((b) => b.textContent === '{name}')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_figure_of_the_study_is_a_picture(study, page, pictures, scheme):
    scheme = [{"name": "prefers-color-scheme", "value": scheme}]
    page.tell("Emulation.setEmulatedMedia", features=scheme)
    figures = [str(path.relative_to(study)) for path in study.glob("results/figures/**/*.svg")]
    assert sorted(page.run("[...document.querySelectorAll('figure')].map((f) => f.id)")) == sorted(
        figures
    )
    page.wait_for("[...document.images].every((image) => image.complete)")
    assert min(page.run("[...document.images].map((image) => image.naturalWidth)")) > 0
    for section in page.run("[...document.querySelectorAll('nav a')].map((a) => a.innerText)"):
        page.click(
            f"[...document.querySelectorAll('nav a')].find((a) => a.innerText === '{section}')"
        )
        page.wait_for("document.querySelector(location.hash).getBoundingClientRect().top < 700")
        page.take_picture(pictures / f"{section}.png")


def test_nothing_is_wider_than_the_window(page):
    assert page.run("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_column_s_name_sorts_by_number_or_word(study, page):
    rows = read_csv(study)
    page.click(f"{DETAILS}.querySelector('summary')")
    assert read_column(page, "rate") == [row["rate"] for row in rows]
    for name, kind in (("rate", float), ("culture", str)):
        expected = sorted((row[name] for row in rows), key=kind)
        click_heading(page, name)
        assert read_column(page, name) == expected
        click_heading(page, name)
        assert read_column(page, name) == expected[::-1]


def test_a_search_leaves_the_rows_that_have_all_its_words(study, page, pictures):
    rows = read_csv(study)
    page.click(f"{DETAILS}.querySelector('summary')")
    page.click(f"{DETAILS}.querySelector('input')")
    page.write("PLANTED avl")
    found = [row for row in rows if (row["scorer"], row["culture"]) == ("planted", "AVL")]
    assert read_column(page, "split") == [row["split"] for row in found]
    said = page.run(f"{DETAILS}.querySelector('output').textContent")
    assert said == f"{len(found)} of {len(rows)} rows"
    page.take_picture(pictures / "search.png")


def test_a_name_with_markup_is_shown_as_it_is(page):
    assert page.run("document.querySelector('#cultures tbody').rows[0].cells[1].innerText") == NAME
    assert page.run("document.title").startswith("Culture neurons")
    assert page.run("document.querySelectorAll('img:not(figure img)').length") == 0


def test_links_lead_to_files_of_the_study(study, page):
    links = page.run("[...document.querySelectorAll('main a')].map((a) => a.getAttribute('href'))")
    assert {f"tables/{path.name}" for path in study.glob("results/tables/*.csv")} <= {*links}
    assert all((study / "results" / link).is_file() for link in links)


def test_captions_are_those_of_snakemake_s_report(study, page):
    built = run_snakemake(study, "--report", "captions.html", "--configfile", TWO_OF_EACH)
    assert built.returncode == 0, built.stderr[-2000:]
    captions = "[...document.querySelectorAll('figure')].map((f) => [f.id, f.innerText])"
    written = {
        path: re.sub(r"^.*\n", "", text.strip()).split() for path, text in page.run(captions)
    }
    page.open(study / "captions.html")
    reported = page.run("Object.entries(results).map(([path, entry]) => [path, entry.caption])")
    for path, caption in reported:
        text = page.run(
            f"new DOMParser().parseFromString({json.dumps(caption)}, 'text/html').body.innerText"
        )
        assert written[path] == text.split(), path
    assert len(reported) == len(written)
