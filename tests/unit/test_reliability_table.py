"""docs/reliability.md promises tests by name: each exists, and every fault test is named."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = (TESTS.parent / "docs/reliability.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split("|") for line in TABLE.splitlines() if line.startswith("| ")][1:]


def list_tests(folder):
    return {
        node.name
        for path in folder.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_row_names_tests_that_exist():
    known = list_tests(TESTS)
    assert len(ROWS) > 15
    for row in ROWS:
        named = re.findall(r"`(\w+)`", row[-1])
        assert len(row) == 5, row
        assert named, row
        assert set(named) <= known, set(named) - known


def test_every_fault_test_stands_in_the_table():
    counted = {  # about the tests themselves
        "test_every_rule_is_killed_and_there_are_twenty_seeds_or_more",
        "test_nothing_is_left_to_do_after_all_that",
    }
    named = set(re.findall(r"`(test_\w+)`", TABLE))
    assert list_tests(TESTS / "faults") - counted == named & list_tests(TESTS / "faults")
