"""The culture file: what is read, and what is refused."""

from pathlib import Path

import pytest

from culture_neurons.dataset.cultures import (
    CultureError,
    has_related,
    parse_subset,
    read_cultures,
)

ROOT = Path(__file__).resolve().parents[2]
HEADER = "code\tname\tsubsets\n"


@pytest.fixture
def read(tmp_path):
    def read(text, encoding="utf-8"):
        path = tmp_path / "cultures.tsv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_cultures(path)

    return read


@pytest.mark.parametrize(
    ("text", "subset"),
    [
        ("('Sinhala', 'Sri_Lanka')", ("Sinhala", "Sri Lanka")),
        ("[\"K'iche'\", 'Guatemala']", ("K'iche'", "Guatemala")),
        ('["Hindi", "India"]', ("Hindi", "India")),
        (" Sri_Lanka\n", ("Sri Lanka",)),
        ("('Sri Lanka',)", ("Sri Lanka",)),
        ("('a', 'b', 'c')", ("a", "b", "c")),
        ("'ab'", ("'ab'",)),
        ("Korea (South)", ("Korea (South)",)),
        ("f('a', 'b')", ("f('a', 'b')",)),
        ("__import__('os').getcwd()", ("  import  ('os').getcwd()",)),
        ("-" * 20000 + "1", ("-" * 20000 + "1",)),
        ("7", ("7",)),
    ],
)
def test_a_subset_is_a_name_or_a_list_of_names_with_spaces_for_underscores(text, subset):
    assert parse_subset(text) == subset


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "()",
        "{'Japanese', 'Japan'}",  # a set has no order
        "{'Japanese': 1, 'Japan': 2}",
        "('a', 1)",
        "('a', None)",
        "('a', '')",
        "(1, 2",
        "('a', f('b'))",
        "[__import__('os').getcwd()]",
        "(" * 500,
        "[" * 200_000,
        "('a', '\0'",
    ],
)
def test_a_text_that_is_no_subset_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"is a list neither of|is neither a name|names nothing"):
        parse_subset(text)


def test_names_alone_are_subsets_too(read):
    assert read(HEADER + "JPN\tJapan\tJapan\nGBR\tUK\tUK;Great_Britain\n") == {
        ("Japan",): "JPN",
        ("UK",): "GBR",
        ("Great Britain",): "GBR",
    }


def test_names_tell_no_relation_and_pairs_do(tmp_path):
    path = tmp_path / "cultures.tsv"
    path.write_text(HEADER + "A\ta\tSpanish\nC\tc\tSpain\n")
    assert not has_related(path)
    path.write_text(HEADER + "A\ta\t('Spanish', 'Peru')\nC\tc\t('Spanish', 'Spain')\n")
    assert has_related(path)


def test_subsets_of_one_culture_share_its_code(read):
    found = read(HEADER + "LKA\tSri Lanka\t('Sinhala', 'Sri_Lanka');('Tamil', 'Sri_Lanka')\n"
                          "JPN\tJapan\t('Japanese', 'Japan')\n")  # fmt: skip
    assert found == {
        ("Sinhala", "Sri Lanka"): "LKA",
        ("Tamil", "Sri Lanka"): "LKA",
        ("Japanese", "Japan"): "JPN",
    }


def test_spaces_blank_lines_line_ends_and_other_columns_do_not_matter(read):
    found = read(
        "note\tsubsets\tname\tcode\r\n"
        "x\t ('a', 'b') ; \tn\t A \r\n"
        "\r\n"
        "\t('c', 'd')\t\tC\r\n"
    )  # fmt: skip
    assert found == {("a", "b"): "A", ("c", "d"): "C"}


def test_a_file_saved_by_a_spreadsheet_is_read(read):
    text = HEADER + 'A\tn\t"(\'a\', \'b\')"\nC\tn\t"(""c"", ""d"")"\n'
    assert read(text, "utf-8-sig") == {("a", "b"): "A", ("c", "d"): "C"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config").glob("*cultures.tsv")), ids=lambda p: p.name
)
def test_shipped_culture_files_are_good(path):
    assert len(set(read_cultures(path).values())) >= 8


GOOD = "A\ta\t('a', 'b')\nC\tc\t('c', 'd')\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the column 'code'; found None"),
        ("code\tname\nA\ta\n", "lacks the column 'subsets'; found ['code', 'name']"),
        ("code,name,subsets\nA,a,b\n", "lacks the column 'code'; found ['code,name,subsets']"),
        (HEADER, "0 culture(s); expected two or more"),
        (HEADER + "A\ta\t('a', 'b')\n", "1 culture(s); expected two or more"),
        (HEADER + GOOD + "A\tx\t('e', 'f')\n", "line 4: code 'A' is empty or occurs twice"),
        (HEADER + GOOD + "\n\n A \tx\t('e', 'f')\n", "line 6: code 'A' is empty or occurs twice"),
        (HEADER + "\ta\t('a', 'b')\n", "line 2: code '' is empty"),
        (HEADER + GOOD + "E\te\t('a', 'b')\n", "line 4: subset ('a', 'b') occurs twice"),
        (HEADER + GOOD + "E\te\t('e_x', 'f');('e x', 'f')\n", "line 4: subset ('e x', 'f') occurs"),
        (HEADER + GOOD + "E\te\tX\n", "line 4: subset X has 1 part(s), an earlier one 2"),
        (HEADER + GOOD + "E\te\t('e', 'f'\n", "line 4: subset \"('e', 'f'\" is a list neither"),
        (HEADER + GOOD + "E\te\t ; \n", "line 4: culture 'E' has no subset"),
        (HEADER + GOOD + "E\te\n", "line 4: culture 'E' has no subset"),
        (HEADER + GOOD + "E\te\t('e', 'f')\t('g', 'h')\n", "line 4: culture 'E' has no subset or"),
        (HEADER + GOOD + 'E\t"e\t(\'e\', \'f\')\nF\tf\t(\'g\', \'h\')\n', "culture 'E' has no sub"),
        ((HEADER + GOOD).encode("utf-16"), "cannot be read ('utf-8' codec"),
        (HEADER + "A\t" + "x" * 200_000 + "\n", "cannot be read (field larger than field limit"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_name_and_line(text, message, read):
    with pytest.raises(CultureError) as caught:
        read(text)
    assert message in str(caught.value)
    assert "cultures.tsv" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("no/such.tsv", "No such file"), (".", "Is a directory"), ("a\0b", "embedded null byte")],
)
def test_a_path_without_a_file_is_refused_with_what_to_do(path, reason):
    with pytest.raises(CultureError, match=f"{reason}.*set dataset.cultures to a tab-separated"):
        read_cultures(path)


@pytest.mark.parametrize(
    "code", ["#BOK", "US/en", "$E_g$", "日本", "A" * 13, "-A", "a b", "A.B", "é"]
)
def test_a_code_that_tables_or_figures_would_not_show_is_refused(code, read):
    with pytest.raises(CultureError, match=r"line 3: code .* up to 12 letters of ASCII"):
        read(f"{HEADER}OK\tx\t('a', 'b')\n{code}\tanything $E_g$\t('c', 'd')\n")


def test_a_name_may_hold_anything(read):
    assert set(read(f"{HEADER}US-en_1\t日本 #1\t('a', 'b')\nB\t$E_g$\t('c', 'd')\n").values()) == {
        "US-en_1",
        "B",
    }
