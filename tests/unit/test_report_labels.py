"""What tells the paths of a report's figures apart stands in their labels, and each is reached.

Snakemake's report shows a label beyond the first that has two values, each in half of a page's
figures, as a switch, and goes blank at a figure without a counterpart under the other value.
"""

import ast
import re
from pathlib import Path

import pytest

RULES = Path(__file__).resolve().parents[2] / "workflow/rules"
AXES = ("outcome", "split", "rate", "intervention")  # a study has all of their combinations
REPORTED = re.compile(
    r'report\(\s*"(results/figures/[^"]+)",\s*caption="[^"]+",\s*category="([^"]+)",'
    r'(?:\s*subcategory="([^"]+)",)?\s*labels=(\{.*?\n? *\}),\n',
    re.DOTALL,
)
FIGURES = [
    (path, (category, subcategory), ast.literal_eval(labels))
    for file in sorted(RULES.glob("*.smk"))
    for path, category, subcategory, labels in REPORTED.findall(file.read_text())
]
PAGES = {page: [labels for _, of, labels in FIGURES if of == page] for _, page, _ in FIGURES}


def find_names(text):
    """Wildcards of a path, or of a label."""
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_figure_of_a_report_is_looked_at():
    assert len(FIGURES) == sum(path.read_text().count("report(") for path in RULES.glob("*.smk"))


@pytest.mark.parametrize(("path", "page", "labels"), FIGURES, ids=[path for path, *_ in FIGURES])
def test_page_and_labels_name_what_a_path_names(path, page, labels):
    named = set.union(*map(find_names, [*page, *labels.values()]))
    assert find_names(path) <= named
    # Hookpoints may have rates of their own, and so pages of their own.
    assert ("hookpoint" in find_names(path)) == ("hookpoint" in find_names(page[1]))


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_figures_of_a_page_have_all_combinations_of_the_labels_that_may_become_a_switch(page):
    first, *others = PAGES[page]
    assert all(list(labels) == list(first) for labels in others)
    for labels in PAGES[page]:
        assert set(list(labels.values())[1:]) <= {f"{{{axis}}}" for axis in AXES}
