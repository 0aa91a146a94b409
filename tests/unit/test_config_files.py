"""Keys that stand twice in a config file are refused before their first value is lost."""

from pathlib import Path

import pytest

from planning.config_text import ConfigTextError, refuse_hidden

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "config").glob("*.yaml"))


def check(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    refuse_hidden([*CONFIGS, path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "config key 'a' stands in line 1 and again in line 3; keep one"),
        ("a:\n  b: 1\n  c: 2\n  b: 1\n", "config key 'a.b' stands in line 2 and again in line 4"),
        ("a:\n  - {b: 1}\n  - {b: 1,\n     b: 2}\n", "'a[1].b' stands in line 3 and again in line"),
        ("cells: {folds: 010}", "'cells.folds' is 010 in line 1, which YAML reads as octal: 8"),
        ("a:\n  - 0_7", "'a[0]' is 0_7 in line 2"),
        ('a: {"b": 1, b: 2}', "'a.b' stands in line 1 and again in line 1"),
        ('{"a": 1, "a": 2}', "'a' stands in line 1"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(text, message, tmp_path):
    with pytest.raises(ConfigTextError) as caught:
        check(tmp_path, text)
    assert f"study.yaml: config key {message.removeprefix('config key ')}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["", "a: 1\nb: {a: 1}\nc: [{a: 1}, {a: 1}]\n", "a: [", "a: \tb", "- 1", "&x [1, *x]"]
)
def test_other_files_are_left_to_snakemake(text, tmp_path):
    check(tmp_path, text)
    refuse_hidden([tmp_path / "missing.yaml"])


def test_numbers_that_only_look_octal_are_read(tmp_path):
    path = tmp_path / "config.yaml"
    text = "a: 0\nb: 0.10\nc: '010'\nd: 10\ne: 0x10\nf: 08\n"
    path.write_text(text)
    assert refuse_hidden([path], [path]) is None
    path.write_text(f"{text}g: 010\n")
    with pytest.raises(ConfigTextError, match="'g' is 010 in line 7"):
        refuse_hidden([path], [path])


def test_two_files_are_refused_by_name():
    with pytest.raises(ConfigTextError, match=r"2 config files are given: a\.yaml, b\.yaml; exp"):
        refuse_hidden(["a.yaml", "b.yaml"], ["a.yaml", "b.yaml"])
