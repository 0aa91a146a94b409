"""A reader opens `snakemake --report` and clicks through all of it: every figure is there."""

import base64
import hashlib
import re

import pytest
import yaml
from conftest import TWO_OF_EACH
from dry_runs import run_snakemake

# What a reader sees, as JavaScript expressions.
LINKS = "[...document.querySelectorAll('nav li > a')].filter((link) => !link.closest('nav nav'))"
MENU = f"{LINKS}.map((link) => link.innerText)"
ROWS = "[...document.querySelectorAll('nav tbody tr')]"
SWITCHES = "[...document.querySelectorAll('nav fieldset label')]"
PICTURE = "document.querySelector('#app img[src^=\"data:image/svg+xml\"]:not(nav *)')"
HOME = "document.querySelector('nav nav a')"
GENERAL = ["Workflow", "Statistics", "About"]


@pytest.fixture(scope="module", params=["two_of_each", "two_rates", "one_of_each"])
def report(study, request):
    """A report, and the paths of the study's figures: of all, or of a part of rates and splits."""
    config = yaml.safe_load((study / TWO_OF_EACH).read_text())
    keep = {"two_of_each": (2, 2), "two_rates": (2, 1), "one_of_each": (1, 1)}[request.param]
    config["select"]["rates"] = config["select"]["rates"][: keep[0]]
    config["cells"]["splits"] = config["cells"]["splits"][: keep[1]]
    (study / f"{request.param}.yaml").write_text(yaml.safe_dump(config))
    arguments = ("--configfile", f"{request.param}.yaml")
    built = run_snakemake(study, "--report", f"{request.param}.html", *arguments)
    assert built.returncode == 0, built.stderr[-2000:]
    listing = run_snakemake(study, "--summary", *arguments)
    assert listing.returncode == 0, listing.stderr
    figures = re.findall(r"^results/figures/(\S+)\.svg\t", listing.stdout, flags=re.MULTILINE)
    return study / f"{request.param}.html", figures


def open_report(chromium, path):
    chromium.open(path)
    chromium.wait_for(f"{MENU}.length > {len(GENERAL)}")


def click_link(chromium, name):
    chromium.click(f"{LINKS}.find((link) => link.innerText === {name!r})")


def go_to(chromium, *names):
    """Go from the first page into a category, and into a part of it."""
    chromium.click(HOME)
    for name in names:
        click_link(chromium, name)


def list_pages(chromium):
    """Look for every list of figures: the names that a reader clicks to come there."""
    categories = [name for name in chromium.run(MENU) if name not in GENERAL]
    pages = []
    for category in categories:
        go_to(chromium, category)
        parts = chromium.run(MENU)
        pages += [(category, part) for part in parts] if parts else [(category,)]
    return pages


def list_choices(chromium):
    """List the switch positions of a list of figures; None where it has no switch."""
    return range(chromium.run(f"{SWITCHES}.length")) or [None]


def open_figures(chromium, page, pictures):
    """Open every figure of a page: (hash of the picture, all words beside it, its caption)."""
    go_to(chromium, *page)
    chromium.wait_for(f"{ROWS}.length > 0")
    for choice in list_choices(chromium):
        chosen = []
        if choice is not None:
            chromium.click(f"{SWITCHES}[{choice}]")
            chosen = [chromium.run(f"{SWITCHES}[{choice}].innerText.trim()")]
        for row in range(chromium.run(f"{ROWS}.length")):
            cells = f"[...{ROWS}[{row}].cells]"
            words = chromium.run(f"{cells}.slice(0, -1).map((cell) => cell.innerText)")
            chromium.click(f"{cells}.at(-1).querySelectorAll('a')[0]")
            chosen_row = f"{ROWS}[{row}].querySelector('.bg-slate-700') !== null"
            chromium.wait_for(f"{PICTURE}?.complete && {chosen_row}")
            width, source = chromium.run(f"[{PICTURE}.naturalWidth, {PICTURE}.src]")
            assert width > 0, (page, words)
            drawn = base64.b64decode(source.partition("base64,")[2])
            chromium.take_picture(pictures / f"{'-'.join(page + tuple(chosen))}-{row}.png")
            yield hashlib.sha256(drawn).hexdigest(), [*words, *chosen]


def test_every_figure_can_be_opened_and_told_apart(report, chromium, pictures):
    path, figures = report
    expected = {
        hashlib.sha256((path.parent / f"results/figures/{name}.svg").read_bytes()).hexdigest(): name
        for name in figures
    }
    open_report(chromium, path)
    chromium.take_picture(pictures / "menu.png")
    opened = []
    for page in list_pages(chromium):
        seen = list(open_figures(chromium, page, pictures))
        assert len({tuple(words) for _, words in seen}) == len(seen), page
        for digest, words in seen:
            said = ", ".join(words).split(", ")
            varied = set(expected[digest].split("/")[1:]) - {"mlp.gate_act"}
            assert varied <= {*said}, (page, words)
        opened += [expected[digest] for digest, _ in seen]
    assert sorted(opened) == sorted(figures)


@pytest.mark.parametrize("report", ["two_of_each"], indirect=True)
def test_every_figure_has_a_caption(report, chromium, pictures):
    path, _ = report
    open_report(chromium, path)
    for page in list_pages(chromium):
        go_to(chromium, *page)
        rows = chromium.wait_for(f"{ROWS}.length")
        for row in range(rows):
            go_to(chromium, *page)
            chromium.click(f"[...{ROWS}[{row}].cells].at(-1).querySelectorAll('a')[1]")
            caption = chromium.wait_for("document.querySelector('nav li.prose')?.innerText")
            assert len(caption.split()) > 20
            assert not re.search(r"[{}`]|\*\*|System Message", caption), caption
        chromium.take_picture(pictures / f"{'-'.join(page)}.png")


def test_the_first_page_says_what_this_is_and_the_workflow_is_drawn(report, chromium, pictures):
    path, _ = report
    open_report(chromium, path)
    chromium.click(HOME)
    said = chromium.wait_for("document.querySelector('#app .prose')?.innerText")
    assert "tiny-llava" in said
    assert not re.search(r"[{}`]|System Message|Duplicate", said)
    chromium.take_picture(pictures / "home.png")
    for name, drawn in (("Workflow", "#rulegraph"), ("Statistics", "#timeline")):
        click_link(chromium, name)
        chromium.wait_for(f"document.querySelector('{drawn} canvas') !== null")
        chromium.take_picture(pictures / f"{name}.png")


def test_a_search_finds_figures(report, chromium):
    path, _ = report
    for word in ("results", "split0", "accuracy", "ablate", "tiny-llava"):
        chromium.open(path)
        chromium.click("document.querySelector('nav input')")
        chromium.write(word)
        enter = {"key": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
        for kind in ("keyDown", "keyUp"):
            chromium.tell("Input.dispatchKeyEvent", type=kind, **enter)
        assert chromium.wait_for(f"{ROWS}.length") > 1, word
