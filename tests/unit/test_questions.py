"""Dataset rows: good ones are kept as delivered, bad ones are rejected with a reason."""

import base64
import copy
import logging

import numpy as np
import polars as pl
import pytest
from dataset_rows import COLUMNS, PICTURE, make_picture, make_row, prepare, rejections

from culture_neurons.dataset.folds import assign_fold
from culture_neurons.dataset.pictures import inspect_picture
from culture_neurons.dataset.preparation import fingerprint_dataset, iterate_images
from culture_neurons.dataset.sources import DatasetError
from culture_neurons.storage.schemas import SCHEMAS
from culture_neurons.storage.tables import read_table, to_columns, write_table

SHADES = [make_picture((6 * n, 0, 0)) for n in range(40)]  # as many pictures
GOOD = [make_row("good1_0"), make_row("good2_0", make_picture("blue"))]


def test_a_good_row_is_kept_as_delivered():
    prepared = prepare([make_row("5_1_3", Subset="('Sinhala', 'Sri_Lanka')")])
    assert prepared.questions == [
        {
            "question_id": "5_1_3",
            "image_id": "5_1",
            "culture": "LKA",
            "subset": "('Sinhala', 'Sri_Lanka')",
            "language": "Sinhala",
            "category": "Food",
            "texts": [
                {
                    "prompt": "english",
                    "question": "What is this?",
                    "options": ["tea", "rice", "soup", "cake"],
                },
                {"prompt": "native", "question": "これは?", "options": ["茶", "米", "汁", "餅"]},
            ],
            "answer": 2,
            "fold": assign_fold("5_1", 8),
        }
    ]
    (image,) = prepared.images.values()
    assert image["bytes"] == PICTURE
    assert (image["width"], image["height"]) == (9, 7)
    assert prepared.rejected == []


# the bad row, the reason, and a part of the detail
BAD = {
    "no pair": (
        make_row(Subset="Japanese"),
        "unreadable subset",
        "'Japanese'; the culture file has such as ('Japanese', 'Japan')",
    ),
    "set": (make_row(Subset="{'Japanese', 'Japan'}"), "unreadable subset", "is neither a name"),
    "null subset": (make_row(Subset=None), "unreadable subset", "''"),
    "null question": (make_row(Q=None), "empty question", "prompt 'native'"),
    "blank question": (make_row(**{"Q-en": " \n"}), "empty question", "prompt 'english'"),
    "number question": (make_row(Q=7), "empty question", "prompt 'native'"),
    "three options": (make_row(O=["a", "b", "c"]), "option count", "expected 4"),
    "five options": (make_row(O=list("abcde")), "option count", "expected 4"),
    "options as a text that is no list": (
        make_row(O="a, b, c, d"),
        "unreadable options",
        "prompt 'native': 'a, b, c, d' is a list neither of JSON nor of Python",
    ),
    "options that would have to be run": (
        make_row(O="[chr(97), 'b', 'c', 'd']"),
        "unreadable options",
        "is a list neither",
    ),
    "options as a number": (make_row(O="7"), "unreadable options", "7 is no list"),
    "options in options": (make_row(O=["a", "b", "c", ["d"]]), "unreadable options", "['d'] is no"),
    "a struct with other letters": (
        make_row(O={"A": "a", "B": "b", "C": "c", "E": "e"}),
        "unreadable options",
        "['A', 'B', 'C', 'E']; expected ['A', 'B', 'C', 'D']",
    ),
    "null options": (make_row(O=None), "option count", "None"),
    "one option twice": (make_row(O=["a", "b", "b", "c"]), "options not distinct", "'b', 'b'"),
    "same but for spaces": (make_row(O=["a", "b", " b\n", "c"]), "options not distinct", "'b'"),
    "same but for case": (make_row(O=["a", "b", "B", "c"]), "options not distinct", "'B'"),
    "same but for the Unicode form": (
        make_row(O=["a", "\u00e9", "e\u0301", "c"]),
        "options not distinct",
        "'a'",
    ),
    "same but for what is not seen": (
        make_row(O=["a", "b\u200b", "b", "c"]),
        "options not distinct",
        "'b'",
    ),
    "same but for a no-break space": (
        make_row(O=["a", "b c", "b\u00a0 c", "c"]),
        "options not distinct",
        "'b c'",
    ),
    "a question that is not seen": (
        make_row(Q="\u200b\u2060"),
        "empty question",
        "prompt 'native'",
    ),
    "an option with another letter": (
        make_row(O=["tea", "A. red", "soup", "cake"]),
        "option begins with a letter",
        "'A. red' begins with a letter",
    ),
    "options with letters out of order": (
        make_row(O=["B. tea", "A. red", "C. soup", "D. cake"]),
        "option begins with a letter",
        "'B. tea'",
    ),
    "a line like an option": (
        make_row(Q="What is it?\nB. milk"),
        "line like an option",
        "prompt 'native' has 'B. milk'",
    ),
    "a line like an answer": (
        make_row(Q="What is it?\n Answer: B"),
        "line like an option",
        "'Answer: B'",
    ),
    "a picture's number": (make_row(Q="Look at <image 1>"), "markup in text", "'<image 1>'"),
    "blank option": (make_row(O=["a", "b", " ", "c"]), "options not distinct", "''"),
    "null option": (make_row(O=["a", "b", None, "c"]), "options not distinct", "''"),
    "label 4": (make_row(Label=4), "label out of range", "4, expected an integer from 0 to 3"),
    "hidden label": (make_row(Label=-1), "label out of range", "-1"),
    "null label": (make_row(Label=None), "label out of range", "None"),
    "true label": (make_row(Label=True), "label out of range", "True"),
    "false label": (make_row(Label=False), "label out of range", "False"),
    "numpy true label": (make_row(Label=np.bool_(True)), "label out of range", "True"),
    "letter label": (
        make_row(Label="B"),
        "label is a letter",
        "'B', expected an integer from 0 to 3: letters need dataset.label_is: letter",
    ),
    "URL for an image": (
        make_row(image="https://example.org/a.png"),
        "image is a URL",
        "'https://example.org/a.png'; expected the picture: a run fetches none",
    ),
    "base64 that was cut": (
        make_row(image="iVBORw0K" * 10 + "ab"),
        "unreadable image",
        "base64 text: ",
    ),
    "text label 4": (make_row(Label="4"), "label out of range", "'4'"),
    "text label -1": (make_row(Label="-1"), "label out of range", "'-1'"),
    "half label": (make_row(Label=1.5), "label out of range", "1.5"),
    "text half label": (make_row(Label="1.5"), "label out of range", "'1.5'"),
    "infinite label": (make_row(Label=float("inf")), "label out of range", "inf"),
    "endless label": (make_row(Label="9" * 5000), "label out of range", "'999"),
    "NaN label": (make_row(Label=float("nan")), "label out of range", "nan"),
    "list label": (make_row(Label=[2]), "label out of range", "[2]"),
    "markup in a question": (make_row(Q="これは<image>?"), "markup in text", "holds '<image>'"),
    "markup in an option": (make_row(O=["a", "b", "c", "</s>"]), "markup in text", "'native'"),
    "null image": (make_row(image=None), "missing image", "no bytes"),
    "image of null bytes": (make_row(data=None), "missing image", "no bytes"),
    "path for an image": (make_row(image="a.png"), "image is a path", "'a.png'; expected the pict"),
    "path in a table": (
        make_row(image={"bytes": None, "path": "photos/a.png"}),
        "image is a path",
        "'photos/a.png'; expected the picture's bytes, or the folder in which paths start",
    ),
    "bytes that are no picture": (make_row(data=b"hello"), "not an image", "b'hello'"),
    "zero bytes": (make_row(data=b""), "empty image", "0 bytes"),
    "empty id": (make_row(""), "missing id", "no id"),
    "prompts of unequal counts": (make_row(O=["a", "b"]), "option count", "expected 4"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_rejected_with_its_reason_and_no_other_row(case):
    row, reason, detail = BAD[case]
    prepared = prepare([GOOD[0], row, GOOD[1]])
    assert rejections(prepared) == [(row["ID"], reason)]
    assert detail in prepared.rejected[0]["detail"]
    assert prepared.rejected[0]["counted"]
    assert [q["question_id"] for q in prepared.questions] == ["good1_0", "good2_0"]
    assert list(prepared.images) == ["good1", "good2"]


@pytest.mark.parametrize("letter", ["B", " c "])
def test_a_letter_as_label_says_which_key_reads_it(letter):
    (row,) = prepare([*GOOD, make_row(Label=letter)]).rejected
    assert row["reason"] == "label is a letter"
    assert (
        f"{letter!r}, expected an integer from 0 to 3: letters need dataset.label_is"
        in row["detail"]
    )


def test_a_text_as_label_says_which_key_reads_it():
    (row,) = prepare([*GOOD, make_row(Label="green tea")]).rejected
    assert row["reason"] == "label out of range"
    assert "options' texts need dataset.label_is: text" in row["detail"]


def test_long_details_are_cut():
    (row,) = prepare([*GOOD, make_row(O=["x" * 10_000])]).rejected
    assert row["detail"] == f"{['x' * 10_000]!r}"[:300] + "..."


@pytest.mark.parametrize(
    "mark",
    [
        "<image>",
        "<|im_end|>",
        "<|image_pad|>",
        "<｜User｜>",
        "[INST]",
        "[/INST]",
        "[IMG_END]",
        "<s>",
    ]
    + [
        "</s>",
        "<<SYS>>",
        "<pad>",
        "<start_of_turn>",
        "<image_soft_token>",
        "<fake_token_around_image>",
    ],
)
def test_marks_of_chat_templates_and_tokenizers_are_rejected(mark):
    rows = [
        make_row("a_0", **{"Q-en": f"Is this {mark}rice?"}),
        make_row("b_0", O=["a", "b", "c", mark]),
    ]
    prepared = prepare([*GOOD, *rows])
    assert rejections(prepared) == [("a_0", "markup in text"), ("b_0", "markup in text")]
    assert all(repr(mark) in row["detail"] for row in prepared.rejected)


@pytest.mark.parametrize(
    "text",
    ["a < b > c", "<b>bold</b>", "I <3 it", "[BLANK]", "[USA]", "x|y|z", "<<", "5 <s 6", "||"],
)
def test_other_brackets_are_text(text):
    assert len(prepare([make_row(Q=text, O=[text, "b", "c", "d"])]).questions) == 1


def test_a_null_id_is_rejected_every_time():
    prepared = prepare([*GOOD, make_row(None), make_row(None)])
    assert rejections(prepared) == [("", "missing id"), ("", "missing id")]


def test_equal_rows_of_one_id_are_merged_and_noted():
    prepared = prepare([make_row("a_0"), make_row("b_0"), make_row("a_0")], max_rejected=0)
    assert [q["question_id"] for q in prepared.questions] == ["a_0", "b_0"]
    assert rejections(prepared) == [("a_0", "repeated row")]
    assert not prepared.rejected[0]["counted"]


@pytest.mark.parametrize(
    "change", [{"Label": 3}, {"Q": "それは?"}, {"image": {"bytes": make_picture("blue")}}]
)
def test_unequal_rows_of_one_id_are_all_rejected(change):
    rows = [make_row("a_0"), make_row("a_0", **change), make_row("a_0"), make_row("b_0")]
    prepared = prepare(rows)
    assert rejections(prepared) == [("a_0", "duplicate id")] * 3
    assert "which one is right" in prepared.rejected[0]["detail"]
    assert [q["question_id"] for q in prepared.questions] == ["b_0"]


def test_a_broken_row_of_an_id_does_not_touch_the_good_one():
    prepared = prepare([make_row("a_0", None), make_row("a_0"), make_row("a_0", Label=9)])
    assert [reason for _, reason in rejections(prepared)] == ["missing image", "label out of range"]
    assert [q["question_id"] for q in prepared.questions] == ["a_0"]


def test_subsets_of_no_culture_are_set_aside_with_counts(caplog):
    rows = [make_row(f"x{n}_0", Subset="('a', 'b')") for n in range(3)]
    rows += [make_row("y_0", Subset="('Japan', 'Japanese')"), *GOOD]
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        prepared = prepare(rows, max_rejected=0)
    assert {row["reason"] for row in prepared.rejected} == {"subset not asked for"}
    assert [row["detail"] for row in prepared.rejected].count("('a', 'b')") == 3
    assert not any(row["counted"] for row in prepared.rejected)
    named = """no culture names, set aside: {"('Japan', 'Japanese')": 1, "('a', 'b')": 3}"""
    assert named in caplog.text
    assert "cultures that no row has; misspelt? [('Sinhala', 'Sri Lanka')]" in caplog.text


def test_a_culture_file_for_another_dataset_is_refused_with_the_dataset_s_subsets():
    rows = [make_row(f"x{n}_0", Subset="('a', 'b')") for n in range(3)]
    with pytest.raises(DatasetError, match=r"dataset.cultures names none of .*\('a', 'b'\)\": 3"):
        prepare(rows)


def test_rows_set_aside_do_not_dilute_the_share_of_rejected_rows():
    rows = [make_row(f"x{n}_0", Subset="('a', 'b')") for n in range(90)]
    rows += [make_row("a_0"), make_row("b_0", None)]
    with pytest.raises(DatasetError, match="1 of 2 rows are rejected, more than .* 0.49"):
        prepare(rows, max_rejected=0.49)
    assert len(prepare(rows, max_rejected=0.5).questions) == 1


def test_other_bytes_for_a_known_image_are_rejected():
    other = make_picture("green")
    prepared = prepare([make_row("a_0"), make_row("a_1", other), make_row("a_2")])
    assert rejections(prepared) == [("a_1", "image differs")]
    assert "other bytes for image 'a': if an id's part before" in prepared.rejected[0]["detail"]
    assert "set dataset.columns.image_id to a column that does" in prepared.rejected[0]["detail"]
    assert [q["question_id"] for q in prepared.questions] == ["a_0", "a_2"]
    assert prepared.images["a"]["bytes"] == PICTURE


def test_nothing_is_lost_and_one_image_has_one_row():
    rows = [make_row(f"p{n // 3}_{n % 3}", SHADES[n // 3]) for n in range(30)]
    rows[4] = make_row("p1_1", SHADES[1], Label=9)
    rows[9:12] = [make_row(f"p3_{n}", None) for n in range(3)]
    prepared = prepare(rows)
    assert len(prepared.questions) + len(prepared.rejected) == 30
    assert len(prepared.rejected) == 4
    assert sorted(prepared.images) == sorted(f"p{n}" for n in range(10) if n != 3)
    assert {q["image_id"] for q in prepared.questions} == set(prepared.images)


def test_questions_of_one_image_share_a_fold_and_images_spread():
    rows = [make_row(f"p{n // 3}_{n % 3}", SHADES[n // 3]) for n in range(120)]
    prepared = prepare(rows, folds=4)
    folds = {}
    for question in prepared.questions:
        folds.setdefault(question["image_id"], set()).add(question["fold"])
    assert all(len(found) == 1 for found in folds.values())
    assert set.union(*folds.values()) == {0, 1, 2, 3}


def test_one_picture_under_several_ids_is_one_image_in_one_fold(caplog):
    rows = [make_row(f"p{n:02}_0", SHADES[n // 20]) for n in range(40)]
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        prepared = prepare(rows[::-1])
    assert {key: image["bytes"] for key, image in prepared.images.items()} == {
        "p00": SHADES[0],
        "p20": SHADES[1],
    }
    found = [(question["image_id"], question["fold"]) for question in prepared.questions]
    assert found == [("p00", assign_fold("p00", 8))] * 20 + [("p20", assign_fold("p20", 8))] * 20
    assert fingerprint_dataset(prepared) == fingerprint_dataset(prepare(rows))
    assert "40 image ids, but 2 pictures: copies joined" in caplog.text


def test_a_rejected_copy_lends_no_id():
    prepared = prepare([make_row("a_0", Label=9), make_row("b_0"), make_row("c_0")])
    assert [question["image_id"] for question in prepared.questions] == ["b", "b"]


def test_a_column_may_name_the_image():
    rows = [make_row(f"japan_{n}", SHADES[n // 2], photo=n // 2) for n in range(4)]
    columns = {**COLUMNS, "image_id": "photo"}
    prepared = prepare(rows, columns=columns)
    assert [question["image_id"] for question in prepared.questions] == ["0", "0", "1", "1"]
    assert prepared.rejected == []
    prepared = prepare(rows, columns={**COLUMNS, "image_id": "ID"})
    assert list(prepared.images) == ["japan_0", "japan_2"]
    prepared = prepare([*rows, make_row("japan_9", photo=None)], columns=columns)
    assert rejections(prepared) == [("japan_9", "missing id")]
    assert prepared.rejected[0]["detail"] == "column 'photo' names no image"
    with pytest.raises(DatasetError, match="dataset.columns: the dataset has no column 'photo'"):
        prepare(GOOD, columns=columns)


def test_an_id_without_number_names_its_own_image():
    prepared = prepare([make_row("abc"), make_row("_0", SHADES[0])])
    assert [q["image_id"] for q in prepared.questions] == ["_0", "abc"]


def test_spaces_around_texts_are_taken_away():
    row = make_row(Q="  これは? \n", O=[" 茶", "米\t", "汁", "餅 餅"])
    text = prepare([row]).questions[0]["texts"][1]
    assert text == {
        "prompt": "native",
        "question": "これは?",
        "options": ["茶", "米", "汁", "餅 餅"],
    }


@pytest.mark.parametrize(
    "label", [np.int64(3), np.uint8(3), np.int32(3), 3.0, np.float32(3), "3", " 3\n", "3.0", "03"]
)
def test_whole_numbers_of_any_type_are_labels(label):
    prepared = prepare([make_row(Label=label)])
    assert prepared.questions[0]["answer"] == 3
    assert type(prepared.questions[0]["answer"]) is int
    assert fingerprint_dataset(prepared) == fingerprint_dataset(prepare([make_row(Label=3)]))


# Options as a dataset holds them, and the columns that config names.
WRITTEN = {
    "JSON": ({"O": '["a", "b", "c\\u00e9", 4]'}, "O", ["a", "b", "cé", "4"]),
    "Python": ({"O": " ['a', \"b's\", 'c', 'd']\n"}, "O", ["a", "b's", "c", "d"]),
    "a tuple": ({"O": "('a', 'b', 'c', 'd')"}, "O", list("abcd")),
    "an object": ({"O": '{"B": "b", "A": "a", "D": "d", "C": "c"}'}, "O", list("abcd")),
    "a struct": ({"O": {"A": "a", "B": "b", "C": "c", "D": "d", "E": None}}, "O", list("abcd")),
    "a struct by number": ({"O": {"1": "a", "2": "b", "3": "c", "4": "d"}}, "O", list("abcd")),
    "columns": ({"A": "a", "B": "b", "C": "c", "D": "d"}, list("ABCD"), list("abcd")),
    "numbers in columns": (
        {"A": 1, "B": 2.5, "C": 0, "D": -1, "E": float("nan")},
        list("ABCDE"),
        ["1", "2.5", "0", "-1"],
    ),
    "empty columns at the end": (
        {"A": "a", "B": "b", "C": "c", "D": "d", "E": "", "F": None},
        list("ABCDEF"),
        list("abcd"),
    ),
    "letters in columns": (
        {"A": "A. a", "B": "B. b", "C": "C. c", "D": "D. d"},
        list("ABCD"),
        list("abcd"),
    ),
}


def name_options(columns):
    texts = {"native": {"question": "Q", "options": columns}}
    return {**COLUMNS, "texts": texts}


@pytest.mark.parametrize("case", WRITTEN)
def test_options_are_read_as_they_are_written(case):
    cells, columns, expected = WRITTEN[case]
    (question,) = prepare([make_row(**cells)], columns=name_options(columns)).questions
    assert question["texts"] == [{"prompt": "native", "question": "これは?", "options": expected}]


def test_an_empty_column_between_others_is_no_option():
    row = make_row(A="a", B="", C="c", D="d")
    with pytest.raises(DatasetError, match="options not distinct"):
        prepare([row], columns=name_options(list("ABCD")))


LABELS = {  # what labels are -> label: index of the right option, or the reason why there is none
    "index1": {1: 0, "4": 3, "2.0": 1, 0: "label out of range", 5: "label out of range"},
    "letter": {
        "A": 0,
        " d": 3,
        "(B)": 1,
        "C.": 2,
        "E": "label out of range",
        1: "label is no letter",
        "AB": "label is no letter",
        "?": "label is no letter",
    },
}


@pytest.mark.parametrize(
    ("label_is", "label"), [(kind, label) for kind, labels in LABELS.items() for label in labels]
)
def test_a_label_is_what_config_says(label_is, label):
    expected = LABELS[label_is][label]
    good = make_row("good_0", Label=next(iter(LABELS[label_is])))
    prepared = prepare([good, make_row("x_0", Label=label)], label_is=label_is)
    answers = {question["question_id"]: question["answer"] for question in prepared.questions}
    reasons = {row["question_id"]: row["reason"] for row in prepared.rejected}
    assert {**answers, **reasons}["x_0"] == expected


@pytest.mark.parametrize(
    ("labels", "label_is", "warned"),
    [
        ([1, 2, 3], "index", True),
        (["1", "4", None], "index", True),
        ([0, 3], "index", False),
        (["0.0", "3"], "index", False),
        ([1, 2, 3], "index1", False),
        (["A", "B"], "letter", False),
        (["tea", "1"], "text", False),
    ],
)
def test_labels_that_seem_to_count_from_1_are_told(labels, label_is, warned, caplog):
    prepare([make_row(f"p{n}_0", Label=label) for n, label in enumerate(labels)], label_is=label_is)
    assert ("no label is 0" in caplog.text) == warned
    assert ("set dataset.label_is: index1" in caplog.text) == warned


@pytest.mark.parametrize(
    ("option", "doubt"),
    [
        ("All of the above", "speak of others"),
        ("none of these options", "speak of others"),
        ("Both A and C", "speak of others"),
        ("A, B and D", "speak of others"),
        ("a & b", "speak of others"),
        ("D", "are letters"),
        ("c", "are letters"),
        ("E", None),
        ("Above the door", None),
        ("A and he", None),
        ("None", None),
        ("All day", None),
        ("3", None),
    ],
)
def test_options_that_hang_on_their_order_are_told_and_kept(option, doubt, caplog):
    row = make_row("p1_0", O=["tea", option, "soup", "cake"])
    assert len(prepare([row]).questions) == 1
    assert ("options are shuffled: ['p1_0']" in caplog.text) == (doubt is not None)
    assert (doubt or "") in caplog.text


def test_the_terminal_names_some_of_many_doubtful_questions_and_the_log_file_all(caplog):
    rows = [make_row(f"p{n}_0", O=["w", "x", "y", "All of the above"]) for n in range(9)]
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        prepare(rows)
    shown = [r for r in caplog.records if not getattr(r, "file_only", False)]
    (line,) = [r.getMessage() for r in shown if "shuffled" in r.getMessage()]
    assert line.startswith("9 questions with options that speak of others")
    assert ("p4_0" in line, "p5_0" in line, "see the log file" in line) == (True, False, True)
    (whole,) = [r.getMessage() for r in caplog.records if getattr(r, "file_only", False)]
    assert all(f"p{n}_0" in whole for n in range(9))


def test_pictures_that_no_other_can_replace_are_told(caplog):
    sinhala = {"Subset": "('Sinhala', 'Sri_Lanka')"}
    rows = [make_row("a_0", SHADES[0]), make_row("a_1", SHADES[0], **sinhala)]  # both cultures
    rows += [make_row("b_0", SHADES[1]), make_row("c_0", SHADES[2], **sinhala)]
    prepare(rows)
    assert "1 of 3 pictures have none to be swapped with" in caplog.text
    caplog.clear()
    prepare(rows[2:])
    assert "swapped" not in caplog.text


def test_a_name_alone_is_a_subset():
    rows = [make_row("a_0", Subset="Sri_Lanka"), make_row("b_0", Subset=" Japan ")]
    rows += [make_row("c_0", Subset="Peru"), make_row("d_0", Subset=None)]
    prepared = prepare(rows, cultures={("Sri Lanka",): "LKA", ("Japan",): "JPN"})
    found = [(q["culture"], q["subset"], q["language"]) for q in prepared.questions]
    assert found == [("LKA", "Sri_Lanka", ""), ("JPN", "Japan", "")]
    assert rejections(prepared) == [("c_0", "subset not asked for"), ("d_0", "unreadable subset")]


def test_several_columns_hold_the_parts_of_a_subset():
    columns = {**COLUMNS, "subset": ["L", "C"]}
    rows = [make_row("a_0", L="Sinhala", C="Sri_Lanka"), make_row("b_0", L="Sinhala", C=None)]
    prepared = prepare(rows, columns=columns)
    (question,) = prepared.questions
    assert (question["culture"], question["language"]) == ("LKA", "Sinhala")
    assert question["subset"] == "('Sinhala', 'Sri_Lanka')"
    assert rejections(prepared) == [("b_0", "unreadable subset")]
    with pytest.raises(DatasetError, match=r"names none of .*\('Sinhala', 'Sri_Lanka'\)"):
        prepare(rows[:1], columns=columns, cultures={("Sri Lanka",): "LKA", ("Japan",): "JPN"})


def test_several_columns_name_a_question_and_its_picture():
    columns = {**COLUMNS, "id": ["part", "ID"]}
    rows = [make_row("1_0", part="hi_x"), make_row("1_0", SHADES[1], part="sw_x")]
    rows += [make_row("2_0", part=None)]
    prepared = prepare(rows, columns=columns)
    found = [(q["question_id"], q["image_id"]) for q in prepared.questions]
    assert found == [("hi_x/1_0", "hi_x/1"), ("sw_x/1_0", "sw_x/1")]
    assert rejections(prepared) == [("", "missing id")]
    (_, twice) = prepare([*rows[:2], *GOOD]).rejected
    assert twice["reason"] == "duplicate id"
    assert "set dataset.columns.id to a list, such as [split, ID]" in twice["detail"]


ENCODED = base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize(
    "image",
    [
        ENCODED,
        f"data:image/png;base64,{ENCODED}",
        "\n".join(ENCODED[start : start + 76] for start in range(0, len(ENCODED), 76)) + "\n",
        {"bytes": None, "path": ENCODED},
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_a_picture_may_be_written_as_base64(image, beside, tmp_path):
    prepared = prepare([make_row(image=image)], picture_folder=tmp_path if beside else None)
    assert prepared.images["p1"]["bytes"] == PICTURE


def test_a_whole_path_below_the_pictures_folder_is_read_and_no_other(tmp_path):
    (tmp_path / "r").mkdir()
    for place in (tmp_path / "r/a.png", tmp_path / "b.png"):
        place.write_bytes(PICTURE)
    rows = [make_row("a_0", image=str(tmp_path / "r/a.png"))]
    rows += [make_row(f"b{n}_0", image=f"{tmp_path}/{path}") for n, path in enumerate(OUTSIDE)]
    prepared = prepare(rows, picture_folder=tmp_path / "r")
    assert list(prepared.images) == ["a"]
    assert {reason for _, reason in rejections(prepared)} == {"image outside its folder"}


OUTSIDE = ("b.png", "r/../b.png", "rr/a.png")


def test_a_file_named_by_its_checksum_is_no_base64(tmp_path):
    name = "0123456789abcdef" * 4
    (tmp_path / name).write_bytes(PICTURE)
    prepared = prepare([make_row(image=name)], picture_folder=tmp_path)
    assert prepared.images["p1"]["bytes"] == PICTURE


def test_numbers_as_options_become_text():
    assert prepare([make_row(O=[1, 2, 3, 4])]).questions[0]["texts"][1]["options"] == list("1234")


@pytest.mark.parametrize("label", [-1, np.int64(-1), -1.0, None, float("nan"), "", "-1"])
@pytest.mark.parametrize("label_is", ["index", "text"])
def test_hidden_labels_stop_with_what_to_do(label, label_is):
    rows = [make_row(f"p_{n}", Label=label) for n in range(3)]
    message = "every label is .*hides its answers.*copy with labels, or dataset.labels at a CSV"
    with pytest.raises(DatasetError, match=message):
        prepare(rows, label_is=label_is)


def test_hidden_labels_stop_before_any_picture_is_decoded(monkeypatch):
    monkeypatch.setattr("culture_neurons.dataset.picture_bytes.inspect_picture", None)
    with pytest.raises(DatasetError, match="every label is -1"):
        prepare([make_row("a_0", Label=-1)])


def test_a_picture_of_several_questions_is_decoded_once(monkeypatch):
    decoded = []

    def inspect(data):
        decoded.append(data)
        return inspect_picture(data)

    monkeypatch.setattr("culture_neurons.dataset.picture_bytes.inspect_picture", inspect)
    prepared = prepare([make_row(f"a_{n}") for n in range(5)])
    assert (len(prepared.questions), len(prepared.images), len(decoded)) == (5, 1, 1)


def test_one_seen_label_is_no_hidden_copy():
    prepared = prepare([make_row("a_0", Label=-1), make_row("b_0", Label=0)])
    assert rejections(prepared) == [("a_0", "label out of range")]


def test_labels_of_the_file_replace_the_dataset_s(caplog):
    rows = [make_row(f"p{n}_0", Label=-1) for n in range(3)]
    labels = {"p0_0": "3", "p1_0": "0", "elsewhere_0": "1"}
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        prepared = prepare(rows, labels=labels)
    assert {q["question_id"]: q["answer"] for q in prepared.questions} == {"p0_0": 3, "p1_0": 0}
    assert rejections(prepared) == [("p2_0", "label out of range")]  # it keeps its own
    assert "2 labels replaced, of 3 in dataset.labels" in caplog.text


@pytest.mark.parametrize("label", ["4", "C", "", "1.5", "-1"])
def test_a_label_of_the_file_that_is_no_index_is_rejected(label):
    prepared = prepare(GOOD, labels={"good1_0": label})
    reason = "label is a letter" if label == "C" else "label out of range"
    assert rejections(prepared) == [("good1_0", reason)]


def test_labels_of_another_dataset_are_refused():
    with pytest.raises(DatasetError, match="none of its 1 IDs is a question's.* unlike 'x_0'"):
        prepare(GOOD, labels={"x_0": "1"})


@pytest.mark.parametrize("label", ["soup", "汁", " soup\n"])
def test_an_answer_text_is_found_among_the_options_of_any_prompt(label):
    assert prepare([make_row(Label=label)], label_is="text").questions[0]["answer"] == 2
    labelled = prepare([make_row("a_0", Label=-1)], label_is="text", labels={"a_0": label})
    assert labelled.questions[0]["answer"] == 2


def test_an_answer_text_may_be_a_number():
    row = make_row(Label=30, **{"O-en": [10, 20, 30, 40], "O": [10, 20, 30, 40]})
    assert prepare([row], label_is="text").questions[0]["answer"] == 2


@pytest.mark.parametrize(
    ("label", "options"),
    [("bread", ["茶", "米", "汁", "餅"]), ("soup", ["soup", "a", "b", "c"]), (None, list("abcd"))],
)
def test_an_answer_text_that_is_no_option_or_two_is_rejected(label, options):
    prepared = prepare([*GOOD_TEXT, make_row(Label=label, O=options)], label_is="text")
    assert rejections(prepared) == [("p1_0", "label is no option")]
    assert "['tea', 'rice', 'soup', 'cake']" in prepared.rejected[0]["detail"]


GOOD_TEXT = [make_row("good1_0", Label="tea")]


@pytest.mark.parametrize("count", [2, 3, 6])
def test_other_numbers_of_options_are_kept_if_the_config_allows_them(count):
    options = list("abcdef"[:count])
    row = make_row(Label=count - 1, **{"O": options, "O-en": options})
    (question,) = prepare([row], option_counts=[count, 4]).questions
    assert (len(question["texts"][0]["options"]), question["answer"]) == (count, count - 1)
    too_high = make_row("b_0", Label=count, **{"O": options, "O-en": options})
    prepared = prepare([make_row("a_0"), too_high], option_counts=[count, 4])
    assert rejections(prepared) == [("b_0", "label out of range")]
    assert rejections(prepare([*GOOD, row])) == [("p1_0", "option count")]


def test_prompts_of_one_question_have_as_many_options():
    prepared = prepare([*GOOD, make_row(O=["a", "b", "c"])], option_counts=[3, 4])
    assert rejections(prepared) == [("p1_0", "option count")]
    assert "{'english': 4, 'native': 3}" in prepared.rejected[0]["detail"]


def test_more_rejected_rows_than_allowed_stop_with_counts_by_reason():
    rows = [make_row(f"g{n}_0") for n in range(7)]
    rows += [make_row(f"b{n}_0", Subset="x") for n in range(2)] + [make_row("c_0", None)]
    with pytest.raises(DatasetError) as caught:
        prepare(rows, max_rejected=0.29)
    message = str(caught.value)
    assert "3 of 10 rows are rejected, more than dataset.max_rejected = 0.29" in message
    assert "{'unreadable subset': 2, 'missing image': 1}" in message
    assert "first: {'question_id': 'b0_0', " in message
    assert len(prepare(rows, max_rejected=0.3).rejected) == 3


def test_too_many_rejected_rows_are_listed_before_the_run_stops(tmp_path):
    listed = tmp_path / "logs/rejected.csv"
    rows = [make_row("g_0"), make_row("b_0", Subset='x,"y"'), make_row("c_0", None)]
    with pytest.raises(DatasetError, match=f"; all of them: {listed}$"):
        prepare(rows, max_rejected=0.5, listed=listed)
    found = pl.read_csv(listed)
    assert found["question_id"].to_list() == ["b_0", "c_0"]
    assert found["reason"].to_list() == ["unreadable subset", "missing image"]
    assert found["detail"][0].startswith("'x,\"y\"'; the culture file has such as")
    listed.unlink()
    prepare(rows, max_rejected=0.7, listed=listed)
    assert not listed.exists()


def make_fold_rows(counts, folds):
    """Rows whose pictures fall into folds: culture's subset -> questions of each fold."""
    names = (f"i{number}" for number in range(10_000))
    rows = []
    for subset, wanted in counts.items():
        left = list(wanted)
        while any(left):
            name = next(names)
            fold = assign_fold(name, folds)
            if left[fold]:
                left[fold] -= 1
                rows.append(make_row(f"{name}_0", make_picture(len(rows)), Subset=subset))
    return rows


def test_a_study_that_no_answers_can_make_large_enough_is_refused_before_a_model_runs(caplog):
    cultures = {("Japanese", "Japan"): "JPN", ("Sinhala", "Sri Lanka"): "LKA"}
    cultures |= {("Hindi", "India"): "IND"}
    counts = {
        str(pair): count for pair, count in zip(cultures, ((4, 3), (3, 5), (9, 1)), strict=True)
    }
    rows = make_fold_rows(counts, 2)
    prepare(rows, folds=2, floor=3, cultures=cultures)
    assert "cultures that will be dropped, fewer than cells.floor = 3" in caplog.text
    assert "{'IND': 1}" in caplog.text
    message = (
        r"0 cultures can be studied, two are needed; fewer than cells.floor = 4 questions in one "
        r"of the 2 folds \(the smallest number\): {'IND': 1, 'JPN': 3, 'LKA': 3}"
    )
    with pytest.raises(DatasetError, match=message):
        prepare(rows, folds=2, floor=4, cultures=cultures)
    caplog.clear()
    prepare(rows, folds=2, floor=1, cultures=cultures)
    assert "will be dropped" not in caplog.text


def test_no_rejected_row_is_tolerated_at_zero():
    assert len(prepare(GOOD, max_rejected=0).questions) == 2
    with pytest.raises(DatasetError, match="1 of 3 rows are rejected"):
        prepare([*GOOD, make_row(Label=7)], max_rejected=0)


def test_no_good_row_at_all_stops_whatever_is_allowed():
    with pytest.raises(
        DatasetError, match=r"1 of 1 rows are rejected.*one must be left.*option co"
    ):
        prepare([make_row(O=[])], max_rejected=1)


def test_a_dataset_without_rows_is_refused():
    with pytest.raises(DatasetError, match="no rows"):
        prepare([])


@pytest.mark.parametrize("name", ["ID", "image", "Subset", "Label", "Category", "Q-en", "O"])
def test_a_missing_column_is_named_with_those_found(name):
    row = make_row()
    del row[name]
    with pytest.raises(DatasetError) as caught:
        prepare([row])
    assert f"has no column {name!r}; found [" in str(caught.value)


def test_the_log_counts_questions_images_and_reasons(caplog):
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        prepare([make_row("a_0"), make_row("a_1"), make_row("b_0", Label=5)])
    assert "3 rows: 2 questions on 1 images, 1 rejected {'label out of range': 1}" in caplog.text


def test_fingerprint_does_not_depend_on_the_order_of_rows():
    rows = [make_row(f"p{n // 2}_{n % 2}", make_picture(size=(n // 2 + 1, 3))) for n in range(8)]
    rows.append(make_row("bad_0", Label=8))
    prepared, turned = prepare(rows), prepare(rows[::-1])
    assert fingerprint_dataset(prepared) == fingerprint_dataset(turned)
    assert prepared.questions == turned.questions
    assert list(prepared.images.items()) == list(turned.images.items())


@pytest.mark.parametrize(
    "change",
    [
        {"Q": "それは?"},
        {"O": ["米", "茶", "汁", "餅"]},
        {"Label": 1},
        {"Category": "Sport"},
        {"Subset": "('Sinhala', 'Sri_Lanka')"},
        {"ID": "good1_1"},
        {"image": {"bytes": make_picture("black")}},
    ],
)
def test_fingerprint_changes_with_the_content(change):
    changed = [{**GOOD[0], **change}, GOOD[1]]
    assert fingerprint_dataset(prepare(GOOD)) != fingerprint_dataset(prepare(changed))


def test_rows_are_not_changed():
    rows = [make_row(O=[" a", "b", "c", "d"]), make_row("x_0", Label=9)]
    before = copy.deepcopy(rows)
    prepare(rows)
    assert rows == before


def test_tables_of_the_dataset_can_be_written_and_read(tmp_path):
    prepared = prepare([*GOOD, make_row(Label=9)])
    for kind, rows in (("questions", prepared.questions), ("rejected", prepared.rejected)):
        write_table(tmp_path / kind, kind, to_columns(kind, rows), {})
        assert read_table(tmp_path / kind, kind).to_pylist() == rows
    write_table(tmp_path / "images", "images", iterate_images(prepared), {})
    assert read_table(tmp_path / "images", "images").to_pylist() == list(prepared.images.values())


def test_images_come_in_chunks_that_lose_none():
    prepared = prepare([make_row(f"p{n}_0", SHADES[n]) for n in range(7)])
    chunks = list(iterate_images(prepared, chunk=3))
    assert [len(chunk["image_id"]) for chunk in chunks] == [3, 3, 1]
    assert all(list(chunk) == SCHEMAS["images"].names for chunk in chunks)
    assert sum((chunk["image_id"] for chunk in chunks), []) == [f"p{n}" for n in range(7)]


def test_a_culture_without_any_question_is_named_and_stops_the_run_unless_allowed(caplog):
    rows = [make_row(f"p{number}_0") for number in range(4)]  # of JPN; LKA has none
    with pytest.raises(DatasetError) as caught:
        prepare(rows, max_absent=0.49)
    message = str(caught.value)
    assert "1 of 2 cultures have no question: {'LKA': [('Sinhala', 'Sri Lanka')]}" in message
    assert "dataset.max_absent = 0.49" in message
    assert prepare(rows, max_absent=0.5).absent == ["LKA"]
    assert "1 of 2 cultures have no question" in caplog.text
    # Misspelt, or all of its rows rejected: the same.
    sinhala = make_row("q_0", Subset="('Sinhala', 'Sri Lanka')", Label=7)
    assert prepare([*rows, sinhala], max_absent=0.5).absent == ["LKA"]
    good = make_row("q_0", make_picture("blue"), Subset="('Sinhala', 'Sri_Lanka')")
    assert prepare([*rows, good], max_absent=0).absent == []


@pytest.mark.parametrize("form", ["{}. {}", "({}) {}", "{}) {}", "{}: {}"])
@pytest.mark.parametrize("lower", [False, True])
def test_letters_of_all_options_in_order_are_the_prompt_s_own_to_write(form, lower):
    words = ["tea", "J. Bach", "soup", "cake"]
    letters = "abcd" if lower else "ABCD"
    lettered = [form.format(letter, word) for letter, word in zip(letters, words, strict=True)]
    row = make_row(**{"O": lettered, "O-en": lettered})
    (question,) = prepare([row]).questions
    assert question["texts"][0]["options"] == words
    for label in ("soup", lettered[2]):
        (question,) = prepare([row | {"Label": label}], label_is="text").questions
        assert question["answer"] == 2


def test_a_line_break_in_an_option_is_a_space_and_joiners_stay():
    options = ["x\nB. milk", "\u0d9a\u0dca\u200d\u0dbb", " c \r\n d", "e"]
    (question,) = prepare([make_row(O=options)]).questions
    shown = {text["prompt"]: text["options"] for text in question["texts"]}["native"]
    assert shown == ["x B. milk", "\u0d9a\u0dca\u200d\u0dbb", "c d", "e"]


def test_a_question_of_several_lines_and_a_name_with_an_initial_are_kept():
    row = make_row(Q="Who wrote this?\nE. A. Poe wrote others.", O=["J. Bach", "E. Poe", "x", "y"])
    (question,) = prepare([row]).questions
    assert question["texts"][1]["question"].endswith("wrote others.")
