"""Rows as a dataset holds them, and how a test has them read."""

import io

from PIL import Image

from culture_neurons.dataset.columns import list_columns
from culture_neurons.dataset.cultures import read_cultures
from culture_neurons.dataset.preparation import prepare_questions
from culture_neurons.dataset.raw_rows import open_dataset, read_labels
from culture_neurons.dataset.row_check import RowFormat

COLUMNS = {
    "id": "ID",
    "image": "image",
    "subset": "Subset",
    "label": "Label",
    "category": "Category",
    "texts": {
        "english": {"question": "Q-en", "options": "O-en"},
        "native": {"question": "Q", "options": "O"},
    },
}
CULTURES = {("Japanese", "Japan"): "JPN", ("Sinhala", "Sri Lanka"): "LKA"}


def encode_picture(picture, kind="PNG", **settings):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    return buffer.getvalue()


def make_picture(color="red", size=(9, 7), kind="PNG", **settings):
    return encode_picture(Image.new("RGB", size, color), kind, **settings)


PICTURE = make_picture()


def make_row(question_id="p1_0", data=PICTURE, **changes):
    return {
        "ID": question_id,
        "image": {"bytes": data, "path": None},
        "Subset": "('Japanese', 'Japan')",
        "Label": 2,
        "Category": "Food",
        "Q-en": "What is this?",
        "O-en": ["tea", "rice", "soup", "cake"],
        "Q": "これは?",
        "O": ["茶", "米", "汁", "餅"],
        **changes,
    }


def prepare(rows, max_rejected=1.0, max_absent=1.0, floor=0, listed=None, **changes):
    reading = {
        "columns": COLUMNS,
        "cultures": CULTURES,
        "folds": 8,
        "option_counts": [4],
        "label_is": "index",
        "labels": {},
        "picture_folder": None,
    }
    row_format = RowFormat(**(reading | changes))
    return prepare_questions(rows, row_format, max_rejected, max_absent, floor, listed)


def prepare_as_config_says(settings, max_rejected=0.0, max_absent=0.0):
    """Prepare a dataset by its settings, complete, as the rule's script does."""
    opened = open_dataset(
        **{key: settings[key] for key in ("source", "revision", "split", "name", "image_root")},
        image_column=settings["columns"]["image"],
        named=list_columns(settings["columns"], cultures=settings["cultures"] is not None),
    )
    row_format = RowFormat(
        **{key: settings[key] for key in ("columns", "option_counts", "label_is")},
        cultures=read_cultures(settings["cultures"]) if settings["cultures"] else None,
        folds=2,
        labels=read_labels(settings["labels"]) if settings["labels"] else {},
        picture_folder=opened.picture_folder,
    )
    return prepare_questions(opened.rows, row_format, max_rejected, max_absent)


def rejections(prepared):
    return [(row["question_id"], row["reason"]) for row in prepared.rejected]
