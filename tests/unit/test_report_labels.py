"""Two figures of a report never look alike: what tells their paths apart stands in their labels."""

import re
from pathlib import Path

import pytest

RULES = Path(__file__).resolve().parents[2] / "workflow/rules"
REPORTED = re.compile(r'report\(\s*"(results/figures/[^"]+)".*?labels=(\{.*?\n? *\}),\n', re.DOTALL)
FIGURES = [
    pair for path in sorted(RULES.glob("*.smk")) for pair in REPORTED.findall(path.read_text())
]


def test_every_figure_of_a_report_is_looked_at():
    assert len(FIGURES) == sum(path.read_text().count("report(") for path in RULES.glob("*.smk"))


@pytest.mark.parametrize(("path", "labels"), FIGURES, ids=[path for path, _ in FIGURES])
def test_labels_name_what_a_path_names(path, labels):
    assert set(re.findall(r"\{(\w+)\}", path)) <= set(re.findall(r"\{(\w+)\}", labels))
