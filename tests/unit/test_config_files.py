"""Keys that stand twice in a config file are refused before their first value is lost."""

from pathlib import Path

import pytest

from planning.duplicate_keys import DuplicateKeyError, refuse_duplicate_keys

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "config").glob("*.yaml"))


def check(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    refuse_duplicate_keys([*CONFIGS, path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "config key 'a' stands in line 1 and again in line 3; keep one"),
        ("a:\n  b: 1\n  c: 2\n  b: 1\n", "config key 'a.b' stands in line 2 and again in line 4"),
        ("a:\n  - {b: 1}\n  - {b: 1,\n     b: 2}\n", "'a[1].b' stands in line 3 and again in line"),
        ('a: {"b": 1, b: 2}', "'a.b' stands in line 1 and again in line 1"),
        ('{"a": 1, "a": 2}', "'a' stands in line 1"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(text, message, tmp_path):
    with pytest.raises(DuplicateKeyError) as caught:
        check(tmp_path, text)
    assert f"study.yaml: config key {message.removeprefix('config key ')}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["", "a: 1\nb: {a: 1}\nc: [{a: 1}, {a: 1}]\n", "a: [", "a: \tb", "- 1", "&x [1, *x]"]
)
def test_other_files_are_left_to_snakemake(text, tmp_path):
    check(tmp_path, text)
    refuse_duplicate_keys([tmp_path / "missing.yaml"])
