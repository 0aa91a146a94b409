"""A config is completed, or refused in one line that names the key."""

import copy
import datetime
import shutil
from pathlib import Path

import pytest
import yaml

from planning import config as config_check
from planning.config import ConfigError, complete_config
from planning.renamed_keys import RENAMED

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
DROP = object()
IMPORTED = {  # planning looks for the file, and never into it
    "name": "published",
    "files": {"tiny-pangea": "README.md"},
    "cultures": ["AVL", None, "BOK", None],
}


@pytest.fixture(autouse=True)
def _repository(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(config_check, "read_schema", lambda _: copy.deepcopy(SCHEMA))  # slow


def change(path, value):
    """Return the default config with one entry set, added, or dropped; path: ("cells", "folds")."""
    config = copy.deepcopy(DEFAULT)
    target = config
    for key in path[:-1]:
        target = target[key]
    if value is DROP:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return config


def refusal(config):
    with pytest.raises(ConfigError) as caught:
        complete_config(config, ROOT)
    message = str(caught.value)
    assert len(message.splitlines()) == 1, message
    return message


def test_default_config_is_completed_and_what_it_says_is_kept():
    completed = complete_config(DEFAULT, ROOT)
    assert completed["models"][1]["chat_template"] is None
    assert completed["models"][1]["dtype"] == "float32"
    assert [s["scorer"] for s in completed["score"]["scorers"]] == [
        s["name"] for s in DEFAULT["score"]["scorers"]
    ]
    assert completed["cells"] == DEFAULT["cells"]
    assert complete_config(completed, ROOT) == completed


MY_STUDY = ROOT / "config/my_study.yaml"
SHIPPED = sorted(set((ROOT / "config").glob("*.yaml")) - {MY_STUDY})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configs_are_accepted(path):
    config = yaml.safe_load(path.read_text())
    assert complete_config(config, ROOT)["models"][0]["name"] == config["models"][0]["name"]


@pytest.fixture
def my_study(tmp_path, monkeypatch):
    """The first page for users, in a folder where its paths exist."""
    (tmp_path / "my_data").mkdir()
    (tmp_path / "my_data/questions.parquet").touch()
    shutil.copy(ROOT / "config/cultures.tsv", tmp_path / "my_data")
    (tmp_path / "my_model").mkdir()
    monkeypatch.chdir(tmp_path)
    return yaml.safe_load(MY_STUDY.read_text())


def test_the_first_page_for_users_is_complete_where_its_paths_exist(my_study):
    completed = complete_config(my_study, ROOT)
    assert completed["models"][0]["checkpoint"] == "./my_model"
    assert len(completed["score"]["scorers"]) == 5


@pytest.mark.parametrize(
    ("missing", "key"),
    [
        ("my_data/questions.parquet", "dataset.source"),
        ("my_data/cultures.tsv", "dataset.cultures"),
        ("my_model", "models[0].checkpoint"),
    ],
)
def test_a_path_of_the_first_page_that_is_missing_is_named_with_its_key(
    missing, key, my_study, tmp_path
):
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    message = refusal(my_study)
    assert message.startswith(f"config key {key!r}")
    assert missing in message


def test_the_first_page_is_a_page_and_says_of_each_key_what_it_is():
    lines = MY_STUDY.read_text().splitlines()
    assert len(lines) <= 30
    for number, line in enumerate(lines):
        if ":" in line and not line.lstrip().startswith("#") and not line.endswith(":"):
            assert "#" in line or lines[number - 1].lstrip().startswith("#"), line


def test_the_config_that_is_passed_in_stays_as_it_was():
    config = copy.deepcopy(DEFAULT)
    complete_config(config, ROOT)
    assert config == DEFAULT


def test_two_sections_suffice_and_the_rest_is_the_schema_s_defaults():
    completed = complete_config(
        {
            "dataset": {"source": "owner/data", "cultures": "config/demo_cultures.tsv"},
            "models": [{"name": "a", "checkpoint": "b/c"}],
        },
        ROOT,
    )
    assert completed["cells"] == {
        "folds": 8,
        "cap": 25,
        "floor": 12,
        "leave_out": [],
        "splits": [0],
    }
    assert completed["models"][0]["dtype"] == "bfloat16"
    assert completed["dataset"]["columns"]["texts"]["native"]["question"] == "Question"
    assert completed["score"]["scorers"][4]["options"] == {}  # its file's defaults
    assert completed["select"]["controls"][0]["draws"] == 20


RENAMED_PLACES = {
    "select.others": (("select", "others"), 5),
    "select.controls[].others": (("select", "controls", 0, "others"), 5),
    "score.scorers[].above": (("score", "scorers", 4, "above"), 0),
    "score.scorers[].select": (("score", "scorers", 2, "select"), "overall"),
    "intervene[].alpha": (("intervene", 0, "alpha"), None),
}


def test_the_places_of_renamed_keys_are_those_of_the_table():
    assert RENAMED_PLACES.keys() == RENAMED.keys()


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_key_is_refused_with_its_new_name_before_all_else(old):
    path, value = RENAMED_PLACES[old]
    config = change(path, value)
    index = next((str(part) for part in path if isinstance(part, int)), "")
    key = old.replace("[]", f"[{index}]")
    assert refusal(config) == f"config key {key!r} is now called {RENAMED[old]!r}; rename it"
    config["cells"]["fold"] = 4  # unknown, and at a name that is looked at earlier
    assert "is now called" in refusal(config)


def test_new_names_of_renamed_keys_are_keys_of_the_schema():
    for old, new in RENAMED.items():
        schema = SCHEMA
        for name in old.split(".")[:-1]:
            schema = schema["properties"][name.removesuffix("[]")]
            schema = schema["items"] if name.endswith("[]") else schema
        assert new in schema["properties"]
        assert old.rpartition(".")[2] not in schema["properties"]


def test_an_old_name_elsewhere_is_the_user_s_own():
    options = {"statistic": "mean", "above": 1}
    assert "'score.scorers[0].options.above' is unknown" in refusal(
        change(("score", "scorers", 0, "options"), options)
    )


def backwards(value):
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def test_the_order_of_keys_in_the_file_changes_nothing():
    # Snakemake compares params by their text.
    assert repr(complete_config(backwards(DEFAULT), ROOT)) == repr(complete_config(DEFAULT, ROOT))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("dataset", "source"), "owner/data"),
        (("dataset", "source"), "squad_v1.1"),
        (("dataset", "source"), "docs"),  # a folder that is there
        (("dataset", "source"), str(ROOT / "docs")),
        (("models", 0, "checkpoint"), "owner/name-7B.v1"),
        (("models", 0, "checkpoint"), "gpt2"),
        (("models", 0, "checkpoint"), "./config"),
        (("models", 0, "checkpoint"), "results/demo/checkpoints/tiny-pangea-hinge_only-seed7"),
    ],
)
def test_paths_that_are_there_hub_ids_and_what_the_demo_makes_are_accepted(path, value):
    completed = complete_config(change(path, value), ROOT)
    for key in path:
        completed = completed[key]
    assert completed == value


def test_imported_masks_are_accepted():
    completed = complete_config(change(("select", "imported"), [IMPORTED]), ROOT)
    usual = {"evaluate": True, "of": None, "models": {}}
    assert completed["select"]["imported"] == [IMPORTED | usual]


def test_masks_of_languages_need_no_culture_of_the_study():
    languages = IMPORTED | {"cultures": ["Greek", None], "evaluate": False}
    entry = {"name": "made", "of": "cas", "without": ["published"]}
    config = change(("select", "imported"), [languages])
    config["select"]["combined"] = [entry, entry | {"name": "again", "of": "made"}]
    completed = complete_config(config, ROOT)
    assert completed["select"]["combined"][0] == entry | {"within": None}


def test_defaults_are_not_shared_between_entries():
    completed = complete_config(DEFAULT, ROOT)
    completed["models"][1]["image_processor"]["max_pixels"] = 1
    assert completed["models"][2]["image_processor"] == {}


# path of the change, its value, and what the message must hold
CASES = {
    "unknown key, top level": (("modelz",), [], ["'modelz' is unknown", "did you mean 'models'"]),
    "unknown key, nested": (("cells", "fold"), 4, ["'cells.fold'", "did you mean 'folds'"]),
    "unknown key, deep": (
        ("select", "controls", 0, "drawz"),
        4,
        ["'select.controls[0].drawz'", "'draws'"],
    ),
    "unknown key, list item": (("models", 1, "prompd"), "x", ["'models[1].prompd'", "'prompt'"]),
    "unknown key, texts": (
        ("dataset", "columns", "texts", "english", "answers"),
        "x",
        ["'dataset.columns.texts.english.answers'", "known: question, options"],
    ),
    "missing key": (("models", 2, "checkpoint"), DROP, ["'models[2].checkpoint' is missing"]),
    "missing section": (("dataset",), DROP, ["'dataset' is missing"]),
    "null section": (("cells",), None, ["'cells' is None", "object"]),
    "list for section": (("evaluate",), [], ["'evaluate' is []", "object"]),
    "text for number": (("cells", "cap"), "25", ["'cells.cap' is '25'", "integer", "quotes"]),
    "YAML 1.1 exponent": (("select", "rates"), ["1e-2"], ["'select.rates[0]'", "1.0e-2"]),
    "word for number": (("cells", "cap"), "many", ["'cells.cap' is 'many'", "type integer"]),
    "true for number": (("cells", "folds"), True, ["'cells.folds' is True", "type integer"]),
    "fraction for whole": (("cells", "folds"), 4.5, ["'cells.folds' is 4.5", "type integer"]),
    "float for whole": (("cells", "folds"), 4.0, ["'cells.folds' is 4.0", "type integer"]),
    "number for text": (("dataset", "split"), 1, ["'dataset.split' is 1", "type string"]),
    "empty text": (("dataset", "source"), "", ["'dataset.source' is ''", "not empty"]),
    "date for text": (
        ("models", 0, "revision"),
        datetime.date(2025, 1, 2),
        ["'models[0].revision'", "in quotes"],
    ),
    "number for key": (("extract", "scopes", 7), ["template"], ["'extract.scopes'", "key 7"]),
    "NaN": (("dataset", "max_rejected"), float("nan"), ["'dataset.max_rejected' is nan"]),
    "infinity": (
        ("score", "scorers", 0, "min_score"),
        float("inf"),
        ["'score.scorers[0].min_score' is"],
    ),
    "NaN rate": (("select", "rates"), [float("nan")], ["'select.rates[0]' is nan"]),
    "rate 0": (("select", "rates"), [0], ["'select.rates[0]' is 0", "more than 0"]),
    "rate above 1": (("select", "rates"), [0.1, 1.01], ["'select.rates[1]' is 1.01", "1 or less"]),
    "rate below 0": (("select", "rates"), [-0.1], ["'select.rates[0]' is -0.1", "more than 0"]),
    "no rate": (("select", "rates"), [], ["'select.rates' is []", "1 or more entries"]),
    "one rate twice": (("select", "rates"), [0.1, 0.1], ["'select.rates'", "no entry twice"]),
    "rates of one path": (
        ("select", "rates"),
        [0.01, 0.010000001],
        ["'select.rates[1]' is 0.010000001", "'r0.01'"],
    ),
    "unknown way to leave out": (
        ("cells", "leave_out"),
        ["seen"],
        ["'cells.leave_out[0]' is 'seen'", "blind"],
    ),
    "one fold": (("cells", "folds"), 1, ["'cells.folds' is 1", "2 or more"]),
    "too many folds": (("cells", "folds"), 256, ["'cells.folds' is 256", "255 or less"]),
    "negative split": (("cells", "splits"), [-1], ["'cells.splits[0]' is -1", "0 or more"]),
    "floor over cap": (("cells", "floor"), 26, ["'cells.floor' is 26", "cells.cap = 25"]),
    "no models": (("models",), [], ["'models' is []", "1 or more entries"]),
    "one model name twice": (("models", 1, "name"), "tiny-pangea", ["'models'", "'tiny-pangea'"]),
    "model name with slash": (("models", 0, "name"), "a/b", ["'models[0].name' is 'a/b'"]),
    "model name with line break": (("models", 0, "name"), "a\n", ["'models[0].name' is 'a\\n'"]),
    "unknown dtype": (("models", 0, "dtype"), "float23", ["'models[0].dtype'", "'float32'"]),
    "unknown prompt": (
        ("models", 2, "prompt"),
        "englisch",
        ["'models[2].prompt' is 'englisch'", "did you mean 'english'"],
    ),
    "missing template": (
        ("models", 0, "chat_template"),
        "no/such.jinja",
        ["'models[0].chat_template' is 'no/such.jinja'"],
    ),
    "unknown token scope": (
        ("extract", "scopes", "text"),
        ["questions"],
        ["'extract.scopes.text[0]' is 'questions'", "did you mean 'question'"],
    ),
    "token scope stored twice": (
        ("extract", "scopes", "text"),
        ["image", "options"],
        ["'extract.scopes'", "'image' and 'text'", "do not overlap"],
    ),
    "unknown hookpoint": (
        ("extract", "hookpoints"),
        ["mlp.gate_act", "attn.heads"],
        ["'extract.hookpoints[1]' is 'attn.heads'", "projector.act", "did you mean 'attn.head'"],
    ),
    "probabilities of heads": (
        ("extract", "hookpoints"),
        ["mlp.gate_act", "attn.head"],
        ["'score.scorers[0].options.statistic' is 'probability'", "'attn.head'", "mean or rms"],
    ),
    "rates of another hookpoint": (
        ("select", "rates_at"),
        {"attn.head": [0.1]},
        ["'select.rates_at' has 'attn.head'", "expected one of extract.hookpoints"],
    ),
    "rates that are alike at two hookpoints": (
        ("select", "rates_at"),
        {"mlp.gate_act": [0.0100000001]},
        ["'select.rates_at.mlp.gate_act[0]'", "differ in six digits"],
    ),
    "unknown stored scope": (
        ("score", "scopes"),
        ["image", "txet"],
        ["'score.scopes[1]' is 'txet'", "did you mean 'text'"],
    ),
    "unknown scorer": (
        ("score", "scorers", 3, "name"),
        "madd",
        ["'score.scorers[3].scorer'", "is 'madd'", "did you mean 'mad'"],
    ),
    "unknown scorer under a name": (
        ("score", "scorers", 0, "scorer"),
        "lab",
        ["'score.scorers[0].scorer'", "is 'lab'", "did you mean 'lap'"],
    ),
    "package file as scorer": (("score", "scorers", 0, "scorer"), "__init__", ["'__init__'"]),
    "unknown option": (
        ("score", "scorers", 1, "options"),
        {"quantil": 0.9},
        ["'score.scorers[1].options.quantil' is unknown", "did you mean 'quantile'"],
    ),
    "option of another scorer": (
        ("score", "scorers", 4, "options"),
        {"quantile": 0.9},
        ["'score.scorers[4].options.quantile' is unknown to scorer 'cas'", "statistic"],
    ),
    "option of two lines": (("score", "scorers", 1, "options"), {"a\nb": 1}, ["options.a\\nb'"]),
    "missing option": (
        ("score", "scorers", 3, "options"),
        {"variant": "z"},
        ["'score.scorers[3].options.activity_floor' is missing", "0 <= activity_floor < 1"],
    ),
    "text for float option": (
        ("score", "scorers", 1, "options"),
        {"quantile": "0.95"},
        ["'score.scorers[1].options.quantile' is '0.95'", "expects float"],
    ),
    "true for float option": (
        ("score", "scorers", 1, "options"),
        {"quantile": True},
        ["options.quantile' is True", "expects float"],
    ),
    "option out of its choices": (
        ("score", "scorers", 0, "options"),
        {"statistic": "median"},
        ["options.statistic' is 'median'", "'probability', 'mean'"],
    ),
    "list for an option of choices": (
        ("score", "scorers", 0, "options"),
        {"statistic": ["mean"]},
        ["options.statistic' is ['mean']"],
    ),
    "NaN option": (
        ("score", "scorers", 1, "options", "quantile"),
        float("nan"),
        ["'score.scorers[1].options.quantile' is nan"],
    ),
    "scorer named as a control of a scorer": (
        ("score", "scorers", 0),
        {"name": "random_of_lape", "scorer": "lap", "options": {"statistic": "mean"}},
        ["'score.scorers[0].name' is 'random_of_lape'", "another name"],
    ),
    "scorer named as a control": (
        ("score", "scorers", 0),
        {"name": "random", "scorer": "lap", "options": {"statistic": "mean"}},
        ["'score.scorers[0].name' is 'random'", "another name"],
    ),
    "control named as the planted neurons": (
        ("select", "controls", 0, "name"),
        "planted",
        ["'select.controls[0].name' is 'planted'", "another name"],
    ),
    "one control name twice": (
        ("select", "controls"),
        [{"name": "a", "kind": "random"}, {"name": "a", "kind": "permuted"}],
        ["'select.controls'", "'a'", "names that differ"],
    ),
    "imported masks named as a control": (
        ("select", "imported"),
        [IMPORTED | {"name": "random"}],
        ["'select.imported[0].name' is 'random'", "another name"],
    ),
    "scorer named as imported masks": (
        ("select", "imported"),
        [IMPORTED | {"name": "cas"}],
        ["'score.scorers[4].name' is 'cas'", "other masks", "another name"],
    ),
    "imported masks of no model": (
        ("select", "imported"),
        [IMPORTED | {"files": {"tiny-pangaea": "README.md"}}],
        ["'select.imported[0].files' has 'tiny-pangaea'", "did you mean 'tiny-pangea'"],
    ),
    "imported masks of no file": (
        ("select", "imported"),
        [IMPORTED | {"files": {"tiny-pangea": "no/such.pth"}}],
        ["'select.imported[0].files.tiny-pangea' is 'no/such.pth'", "none at this path"],
    ),
    "imported masks of an unknown culture": (
        ("select", "imported"),
        [IMPORTED | {"cultures": ["AVL", "BOX"]}],
        ["'select.imported[0].cultures' has 'BOX'", "did you mean 'BOK'"],
    ),
    "imported masks of one culture twice": (
        ("select", "imported"),
        [IMPORTED | {"cultures": ["AVL", "AVL"]}],
        ["'select.imported[0].cultures' has 'AVL'", "once"],
    ),
    "combined masks of nothing known": (
        ("select", "combined"),
        [{"name": "made", "of": "casper", "without": ["lap"]}],
        ["'select.combined[0].of' has 'casper'", "did you mean 'cas'"],
    ),
    "combined masks of themselves": (
        ("select", "combined"),
        [{"name": "made", "of": "cas", "within": ["made"]}],
        ["'select.combined[0].within' has 'made'"],
    ),
    "combined masks without and within": (
        ("select", "combined"),
        [{"name": "made", "of": "cas", "within": ["lap"], "without": ["mad"]}],
        ["'select.combined[0]' has without: ['mad'] and within: ['lap']", "one of the two"],
    ),
    "combined masks of neither": (
        ("select", "combined"),
        [{"name": "made", "of": "cas"}],
        ["'select.combined[0]' has without: None and within: None"],
    ),
    "combined masks named as a scorer": (
        ("select", "combined"),
        [{"name": "cas", "of": "lap", "without": ["mad"]}],
        ["'score.scorers[4].name' is 'cas'", "another name"],
    ),
    "revision of a folder": (
        ("models", 0, "revision"),
        "main",
        ["'models[0].revision' is 'main'", "expected null"],
    ),
    "revision of a file": (
        ("dataset", "revision"),
        "main",
        ["'dataset.revision' is 'main'", "expected null"],
    ),
    "name of 65 letters": (
        ("models", 0, "name"),
        "m" * 65,
        ["'models[0].name'", "0,63"],
    ),
    "seed of 23 digits": (
        ("evaluate", "seed"),
        10**22,
        ["'evaluate.seed' is 10000000000000000000000", "4294967295"],
    ),
    "too many shards": (("extract", "shards"), 10_000, ["'extract.shards' is 10000", "1000"]),
    "quantile of 1": (
        ("score", "scorers", 1, "options", "quantile"),
        1,
        ["'score.scorers[1].options.quantile' is 1", "0 <= quantile < 1"],
    ),
    "quantile below 0": (
        ("score", "scorers", 2, "options", "quantile"),
        -0.1,
        ["'score.scorers[2].options.quantile' is -0.1", "0 <= quantile < 1"],
    ),
    "activity floor above 1": (
        ("score", "scorers", 3, "options", "activity_floor"),
        5,
        ["'score.scorers[3].options.activity_floor' is 5", "0 <= activity_floor < 1"],
    ),
    "strength without end": (
        ("intervene", 0, "strength"),
        1e300,
        ["'intervene[0].strength' is 1e+300", "1000"],
    ),
    "unknown kind of control": (
        ("select", "controls", 0, "kind"),
        "permutated",
        ["'select.controls[0].kind'", "did you mean 'permuted'"],
    ),
    "no question of the others": (
        ("select", "other_questions"),
        0,
        ["'select.other_questions' is 0", "1 or more"],
    ),
    "no controls": (("select", "controls"), [], ["'select.controls' is []", "1 or more entries"]),
    "one scorer name twice": (("score", "scorers", 0, "name"), "cas", ["score.scorers", "'cas'"]),
    "unknown kind": (("intervene", 0, "kind"), "ablaze", ["'intervene[0].kind'", "'ablate'"]),
    "scale without strength": (
        ("intervene", 0),
        {"name": "s", "kind": "scale"},
        ["'intervene[0].strength' is None", "'scale'", "a number for the others"],
    ),
    "steering of an intervention's name": (
        ("steer",),
        [{"name": "ablate", "kind": "scale", "strengths": [1]}],
        ["'steer'", "'ablate'", "names that differ"],
    ),
    "strength 0": (
        ("steer",),
        [{"name": "s", "kind": "add", "strengths": [1, 0]}],
        ["'steer[0].strengths[1]' is 0", "other than 0"],
    ),
    "no strength": (
        ("steer",),
        [{"name": "s", "kind": "add", "strengths": []}],
        ["'steer[0].strengths' is []", "1 or more entries"],
    ),
    "steering by ablation": (
        ("steer",),
        [{"name": "s", "kind": "ablate", "strengths": [1]}],
        ["'steer[0].kind' is 'ablate'", "'diffmean'"],
    ),
    "ablate with strength": (("intervene", 0, "strength"), 1.0, ["'intervene[0].strength' is 1.0"]),
    "one intervention name twice": (
        ("intervene",),
        [{"name": "a", "kind": "ablate"}, {"name": "a", "kind": "mean_ablate"}],
        ["'intervene'", "'a'", "names that differ"],
    ),
    "confidence 1": (("evaluate", "confidence"), 1, ["'evaluate.confidence' is 1", "less than 1"]),
    "Parquet file missing": (
        ("dataset", "source"),
        "my_data/nothing.parquet",
        ["'dataset.source' is 'my_data/nothing.parquet'", "a Parquet file", "nothing at this path"],
    ),
    "JSONL file missing": (("dataset", "source"), "rows.jsonl", ["'dataset.source' is 'rows.js"]),
    "folder missing, by ./": (("dataset", "source"), "./data", ["'dataset.source' is './data'"]),
    "folder missing, by ../": (("dataset", "source"), "../data", ["'dataset.source' is '../data'"]),
    "folder missing, by ~": (
        ("dataset", "source"),
        "~/data",
        ["'dataset.source' is '~/data'", "'~' stands for no folder in a config, write the whole"],
    ),
    "folder missing, absolute": (("dataset", "source"), "/no/data", ["'dataset.source' is '/no"]),
    "folder missing, deep": (("dataset", "source"), "my/data/set", ["'dataset.source' is 'my/"]),
    "folder missing, by a slash": (("dataset", "source"), "data/", ["'dataset.source' is 'data/'"]),
    "dataset almost the demo's": (
        ("dataset", "source"),
        "./results/demo/dataset.parquet",
        ["is './results/demo/dataset.parquet'; expected 'results/demo/dataset.parquet'"],
    ),
    "no name of a demo model": (
        ("models", 0, "checkpoint"),
        "results/demo/checkpoints/tiny-qwen",
        [
            "'models[0].checkpoint' is 'results/demo/checkpoints/tiny-qwen'",
            "expected 'results/demo/checkpoints/' and the name of a demo model",
            "did you mean 'tiny-qwen2.5-vl'?",
        ],
    ),
    "demo model of no variant": (
        ("models", 1, "checkpoint"),
        "results/demo/checkpoints/tiny-pangea-unplantd",
        ["did you mean 'tiny-pangea-unplanted'?"],
    ),
    "demo model with a slash": (
        ("models", 2, "checkpoint"),
        "results/demo/checkpoints/tiny-pangea/",
        ["did you mean 'tiny-pangea'?"],
    ),
    "checkpoint missing, by ./": (
        ("models", 2, "checkpoint"),
        "./weights",
        ["'models[2].checkpoint' is './weights'", "folder or a Hub id", "path: correct it"],
    ),
    "checkpoint missing, by ../": (("models", 0, "checkpoint"), "../no/w", ["is '../no/w'"]),
    "checkpoint missing, absolute": (("models", 0, "checkpoint"), "/no", ["checkpoint' is '/no'"]),
    "checkpoint missing, deep": (("models", 0, "checkpoint"), "a/b/c", ["checkpoint' is 'a/b/c'"]),
    "checkpoint of two lines": (("models", 0, "checkpoint"), "a\nb", ["checkpoint' is 'a\\nb'"]),
    "checkpoint is a file": (("models", 0, "checkpoint"), "README.md", ["is 'README.md'"]),
    "odd number of demo questions": (
        ("demo", "rows_per_culture"),
        65,
        ["'demo.rows_per_culture' is 65", "expected a multiple of 2"],
    ),
    "labels file missing": (
        ("dataset", "labels"),
        "no/such.csv",
        ["'dataset.labels' is 'no/such.csv'", "ID,Label", "none at this path"],
    ),
    "unknown kind of label": (
        ("dataset", "label_is"),
        "txt",
        ["'dataset.label_is' is 'txt'", "did you mean 'text'"],
    ),
    "one option": (
        ("dataset", "option_counts"),
        [1, 4],
        ["option_counts[0]' is 1", "2 or more"],
    ),
    "seven options": (("dataset", "option_counts"), [7], ["option_counts[0]' is 7", "6 or less"]),
    "no option count": (("dataset", "option_counts"), [], ["'dataset.option_counts' is []"]),
    "culture file missing": (
        ("dataset", "cultures"),
        "no/such.tsv",
        ["'dataset.cultures'", "no/such.tsv", "No such file"],
    ),
    "culture file with NUL": (("dataset", "cultures"), "a\0b", ["'dataset.cultures'", "null byte"]),
    "culture path of two lines": (("dataset", "cultures"), "a\nb", ["'dataset.cultures'"]),
    "culture path is a folder": (("dataset", "cultures"), "config", ["directory"]),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_in_one_line_that_names_key_value_and_expectation(case):
    path, value, parts = CASES[case]
    message = refusal(change(path, value))
    for part in parts:
        assert part in message


@pytest.mark.parametrize("config", [None, [], "", 3, True])
def test_a_config_that_is_no_mapping_is_refused(config):
    assert f"the config is {config!r}; expected a value of type object" in refusal(config)


def test_an_empty_config_says_what_is_missing():
    assert "config key 'dataset' is missing; expected: The questions." in refusal({})


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("code\tname\nA\ta\n", "lacks the column 'subsets'"),
        ("code\tname\tsubsets\nA\ta\t('x','y')\nA\tb\t('x','z')\n", "line 3: code 'A'"),
        ("", "lacks the column 'code'"),
        ("code\tname\tsubsets\nA\ta\t('x',\n", "line 2"),
    ],
)
def test_a_bad_culture_file_is_refused_under_its_key(text, part, tmp_path):
    path = tmp_path / "cultures.tsv"
    path.write_text(text)
    message = refusal(change(("dataset", "cultures"), str(path)))
    assert "config key 'dataset.cultures'" in message
    assert str(path) in message
    assert part in message


def test_several_refusals_start_with_the_unknown_key():
    config = change(("score", "scope"), ["image"])
    config["cells"]["cap"] = "x"
    assert "'score.scope' is unknown" in refusal(config)


@pytest.fixture
def own_scorer(tmp_path):
    """A repository with a scorer of the user's, and a config that names it."""
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=lambda *_: {"__pycache__"})
    path = tmp_path / "workflow/scripts/culture_neurons/scorers/mine.py"

    def check(source, options):
        path.write_text(source)
        entry = {"name": "mine", "options": options}
        config = change(("score", "scorers"), [entry])
        config["sensitivity"]["variants"] = []
        return complete_config(config, tmp_path)

    return check


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("int", 3, 3.0),
        ("int | None", None, "x"),
        ("bool", False, 0),
        ("str", "a", 1),
        ('Literal["mean"]', "mean", "me"),
        ('Literal["mean"]', "mean", 1),
        ("Literal[1, 2]", 2, True),
        ('Literal["a"] | float', 0.5, "b"),
    ],
)
def test_an_option_must_fit_its_annotation(annotation, good, bad, own_scorer):
    source = f"def mine(statistics, *, x: {annotation}):\n    return 0\n"
    assert own_scorer(source, {"x": good})["score"]["scorers"][0]["options"] == {"x": good}
    with pytest.raises(ConfigError, match=r"'score.scorers\[0\].options.x' is .* expects "):
        own_scorer(source, {"x": bad})


@pytest.mark.parametrize("annotation", [": list[float]", ": 'float'", ": typing.Any", ""])
def test_an_annotation_that_is_not_understood_takes_any_value_but_not_none_at_all(
    annotation, own_scorer
):
    source = f"def mine(statistics, *, x{annotation}):\n    return 0\n"
    assert own_scorer(source, {"x": [1.0]})
    with pytest.raises(ConfigError, match=r"options.x' is missing; scorer 'mine' expects"):
        own_scorer(source, {})


def test_a_scorer_file_without_its_function_or_without_sense_is_refused(own_scorer):
    with pytest.raises(ConfigError, match=r"scorers/mine.py to have a function"):
        own_scorer("def other(statistics):\n    return 0\n", {})
    with pytest.raises(ConfigError, match=r"scorers/mine.py is not Python"):
        own_scorer("def mine(:\n", {})


OTHER = {"source": "results/demo/general.parquet"}
CODES = "config/demo_cultures.tsv"


def with_other(**changes):
    return change(("other_datasets",), {"general": OTHER | changes})


def test_another_dataset_takes_the_defaults_of_the_study_s():
    entry = complete_config(with_other(), ROOT)["other_datasets"]["general"]
    own = complete_config(DEFAULT, ROOT)["dataset"]
    for key in ("split", "label_is", "option_counts", "max_rejected"):
        assert entry[key] == own[key]
    assert entry["columns"] == own["columns"] | {"category": None}
    assert (entry["cultures"], entry["per_culture"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "no/such.parquet"}, ["other_datasets.general.source", "no/such.parquet"]),
        ({"source": "results/demo/../demo/general.parquet"}, ["as the demo's rule writes it"]),
        ({"splits": "x"}, ["other_datasets.general.splits", "did you mean 'split'"]),
        ({"cultures": "no.tsv"}, ["other_datasets.general.cultures", "no.tsv"]),
        (
            {"cultures": "config/cultures.tsv"},
            ["general.cultures' has []", "in common"],
        ),
        ({"labels": "no.csv"}, ["other_datasets.general.labels", "no.csv"]),
        ({"revision": "main"}, ["other_datasets.general.revision", "on this machine"]),
        ({"per_culture": 0}, ["other_datasets.general.per_culture", "1 or more"]),
        ({"role": "evaluate"}, ["other_datasets.general.role", "unknown"]),
        (
            {"columns": {"texts": {"native": {"question": "Q", "options": "O"}}}},
            ["other_datasets.general.columns.texts", "['native']", "'english' is one"],
        ),
    ],
)
def test_another_dataset_that_cannot_be_asked_is_refused_by_its_key(changes, words):
    message = refusal(with_other(**changes))
    for word in words:
        assert word in message


# Settings of a dataset, and what must stand in the refusal; each also of another dataset.
LISTED = {"english": {"question": "q", "options": ["A", "B", "C"]}}
CONTRADICTIONS = {
    "fewer columns than options": (
        {"source": "x.parquet", "columns": {"texts": LISTED}},
        ["KEY.columns.texts.english.options' lists 3 columns", "KEY.option_counts has 4"],
    ),
    "a column of options twice": (
        {"source": "x.parquet"}
        | {"columns": {"texts": {"english": {"question": "q", "options": ["A", "A"]}}}},
        ["KEY.columns.texts.english.options'", "no entry twice"],
    ),
    "columns that a table lacks": (
        {"source": "x.tsv", "columns": {"id": ["split", "index"]}},
        ["KEY.columns' names ['Label', 'Question', 'Options']", "x.tsv", "known: index, image"],
    ),
    "options that a table lacks": (
        {"source": "x.tsv", "option_counts": [3]}
        | {"columns": {"id": "index", "label": "A", "texts": LISTED}},
        ["KEY.columns' names ['q', 'C']", "x.tsv"],
    ),
    "a broken header": ({"source": "y.csv"}, ["KEY.source'", "y.csv, header: column 'a' stands"]),
    "a table that is empty": ({"source": "z.csv"}, ["KEY.source'", "z.csv, header: no columns"]),
    "pictures in no folder": (
        {"source": "x.parquet", "image_root": "pictures"},
        ["KEY.image_root' is 'pictures'", "expected a folder", "relative paths start from"],
    ),
    "pictures in a file": (
        {"source": "x.parquet", "image_root": "x.tsv"},
        ["KEY.image_root' is 'x.tsv'", "expected a folder"],
    ),
    "a configuration of local files": (
        {"source": "x.parquet", "name": "en"},
        ["KEY.name' is 'en'", "'x.parquet' is on this machine", "expected null"],
    ),
    "splits of one file": (
        {"source": "x.parquet", "split": ["a", "b"]},
        ["KEY.split' is ['a', 'b']", "is one file"],
    ),
    "splits that are not there": (
        {"source": "saved", "split": ["dev", "train", "tests"]},
        ["KEY.split' has ['dev', 'tests']", "known: train, test"],
    ),
    "no split": ({"source": "owner/name", "split": []}, ["KEY.split'", "1 or more entries"]),
    "a split twice": ({"source": "owner/name", "split": ["a", "a"]}, ["KEY.split'", "twice"]),
    "a word for labels": ({"source": "owner/name", "label_is": "letters"}, ["mean 'letter'"]),
}


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A folder with a table, two broken ones, and a saved dataset of two splits."""
    files = {"x.tsv": "index\timage\tA\tB\n", "y.csv": "a,a\n", "z.csv": "\n", "x.parquet": "x"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("case", CONTRADICTIONS)
@pytest.mark.parametrize("other", [False, True])
def test_settings_of_a_dataset_that_contradict_its_files_are_refused_before_any_job(case, other):
    settings, words = CONTRADICTIONS[case]
    study = {"source": "owner/name", "cultures": CODES}
    native = {"native": {"question": "Question", "options": "Options"}}
    texts = settings.get("columns", {}).get("texts", native)
    settings = settings | {"columns": {**settings.get("columns", {}), "texts": texts}}
    settings["columns"].setdefault("subset", "index")
    settings["columns"].setdefault("category", None)
    prompt = next(iter(texts))
    config = {"dataset": study, "models": [{"name": "m", "checkpoint": "a/b", "prompt": prompt}]}
    if other:
        config["other_datasets"] = {"general": settings}
    else:
        config["dataset"] = study | settings
    message = refusal(config)
    for word in words:
        assert word.replace("KEY", "other_datasets.general" if other else "dataset") in message


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    "settings",
    [
        {"source": "saved", "split": ["test", "train"]},
        {"source": "saved", "split": "train"},
        {"source": "x.parquet", "split": "any"},
        {"source": "owner/name", "split": ["a", "b"], "name": ["x", "y"], "image_root": "saved"},
        {"source": "x.tsv", "option_counts": [2]}
        | {
            "columns": {"id": ["file", "row"], "label": "index", "subset": "split"}
            | {"category": None, "texts": {"english": {"question": "A", "options": ["A", "B"]}}}
        },
    ],
)
def test_settings_of_a_dataset_that_fit_are_accepted(settings):
    config = {"dataset": {"cultures": CODES} | settings}
    config["models"] = [{"name": "m", "checkpoint": "a/b"}]
    completed = complete_config(config, ROOT)["dataset"]
    assert all(completed[key] == settings[key] for key in settings.keys() - {"columns"})


def test_names_of_other_datasets_are_names_in_paths():
    message = refusal(change(("other_datasets",), {"a/b": OTHER}))
    assert "a/b" in message
    assert "other_datasets" in message


LENT = {"name": "other_prompt", "of": "cas", "models": {"first": "second"}}


def with_lent(first=None, second=None, **changes):
    """A config of two models of one checkpoint, of which the first is lent the second's masks."""
    config = copy.deepcopy(DEFAULT)
    model = DEFAULT["models"][0]
    config["models"] = [
        model | {"name": "first"} | (first or {}),
        model | {"name": "second", "prompt": "native"} | (second or {}),
    ]
    config["select"]["imported"] = [LENT | changes]
    return config


def test_models_of_one_checkpoint_may_lend_each_other_masks():
    completed = complete_config(with_lent(), ROOT)
    usual = {"files": {}, "cultures": None, "evaluate": True}
    assert completed["select"]["imported"] == [LENT | usual]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"of": None}, ["'select.imported[0]' has files: {}, of: None", "of and models together"]),
        ({"models": {}}, ["'select.imported[0]'", "models: {}"]),
        ({"files": {"first": "README.md"}}, ["'select.imported[0]'", "README.md"]),
        ({"of": "caz"}, ["'select.imported[0].of' is 'caz'", "did you mean 'cas'"]),
        ({"cultures": ["AVL"]}, ["'select.imported[0].cultures' is ['AVL']", "null"]),
        ({"models": {"first": "seconds"}}, ["models' has 'seconds'", "did you mean 'second'"]),
        ({"models": {"third": "second"}}, ["models' has 'third'", "one of the models"]),
        ({"models": {"first": "first"}}, ["models' has 'first': 'first'", "of one checkpoint"]),
        (
            {"second": {"checkpoint": "owner/other"}},
            ["models' has 'first': 'second'", "owner/other", "other neurons"],
        ),
        ({"second": {"checkpoint": "owner/other", "revision": "main"}}, ["other neurons"]),
    ],
)
def test_masks_that_cannot_be_lent_are_refused(changes, words):
    message = refusal(with_lent(**changes))
    for word in words:
        assert word in message


RANDOM = {"name": "random", "kind": "random"}


@pytest.mark.parametrize(
    ("controls", "index"),
    [
        ([RANDOM | {"other_questions": 0}], 0),
        ([RANDOM, {"name": "permuted", "kind": "permuted", "other_questions": 0}], 1),
    ],
)
def test_a_control_that_needs_other_cultures_questions_must_ask_some(controls, index):
    message = refusal(change(("select", "controls"), controls))
    assert f"'select.controls[{index}].other_questions' is 0" in message
    assert "1 or more" in message


def test_a_control_of_layers_may_ask_nothing_of_others_unless_masks_are_steered():
    layers = {"name": "layers", "kind": "random_layer", "other_questions": 0}
    config = change(("select", "controls"), [RANDOM, layers])
    controls = complete_config(config, ROOT)["select"]["controls"]
    assert (controls[1]["other_questions"], controls[1]["own_questions"]) == (0, None)
    config["steer"] = [{"name": "up", "kind": "scale", "strengths": [1.0]}]
    assert "'select.controls[1].other_questions' is 0" in refusal(config)


@pytest.mark.parametrize("name", ["others", "set_low", "set_high"])
def test_names_that_verdicts_and_tables_use_otherwise_are_refused(name):
    message = refusal(change(("other_datasets",), {name: OTHER}))
    assert f"'other_datasets.{name}'" in message
    assert "expected another name" in message


def test_models_of_one_prompt_lend_each_other_nothing():
    assert "the same prompt 'english'" in refusal(with_lent(second={"prompt": "english"}))


def complete(config, **changes):
    for path, value in changes.items():
        section, key = path.split("__")
        config.setdefault(section, {})[key] = value
    return complete_config(config, ROOT)


RMS = [{"name": "cas", "options": {"statistic": "rms"}, "min_score": 0}]


def make_small():
    return {
        "dataset": {"source": "owner/data", "cultures": "config/demo_cultures.tsv"},
        "models": [{"name": "a", "checkpoint": "b/c"}],
    }


def test_heads_take_scorers_that_need_no_probability():
    heads = ["attn.head", "vision.head"]
    completed = complete(make_small(), extract__hookpoints=heads, score__scorers=RMS)
    assert completed["score"]["scorers"][0]["options"] == {"statistic": "rms"}
    mad = {"name": "mad", "options": {"variant": "z", "activity_floor": None}}
    complete(make_small(), extract__hookpoints=heads, score__scorers=[mad])
    mad["options"]["activity_floor"] = 0.5
    with pytest.raises(ConfigError, match=r"activity_floor' is 0\.5, .* expected null"):
        complete(make_small(), extract__hookpoints=heads, score__scorers=[mad])
    lape = {"name": "lape", "options": {"quantile": 0.5}}
    with pytest.raises(ConfigError, match=r"'score.scorers\[0\]': scorer 'lape' needs activation"):
        complete(make_small(), extract__hookpoints=heads, score__scorers=[lape])


def test_variants_of_sensitivity_are_held_against_hookpoints_where_it_is_measured():
    variant = [{"scorer": "cas", "options": {"statistic": "probability"}}]
    given = {"extract__hookpoints": ["attn.head"], "score__scorers": RMS}
    complete(make_small(), **given, sensitivity__variants=variant)
    measured = {"sensitivity__variants": variant, "sensitivity__measure": True}
    with pytest.raises(ConfigError, match=r"sensitivity.variants\[0\].*needs activation"):
        complete(make_small(), **given, **measured)


@pytest.mark.parametrize("hookpoint", ["vision.mlp", "vision.head", "projector.act"])
def test_masks_on_pictures_act_at_all_tokens(hookpoint):
    entry = {"name": "ablate", "kind": "ablate", "tokens": ["question"]}
    given = {"extract__hookpoints": ["mlp.gate_act", hookpoint], "score__scorers": RMS}
    with pytest.raises(ConfigError, match=r"'intervene\[0\].tokens' is .*'question'.* all four"):
        complete(make_small() | {"intervene": [entry]}, **given)


def test_files_of_masks_are_of_one_hookpoint(tmp_path):
    (tmp_path / "m.pth").touch()
    entry = {"name": "published", "files": {"a": str(tmp_path / "m.pth")}}
    given = {"extract__hookpoints": ["mlp.gate_act", "mlp.neuron"], "select__imported": [entry]}
    with pytest.raises(
        ConfigError, match="'select.imported' has files of masks .* of one hookpoint"
    ):
        complete(make_small(), **given)


def test_a_rate_of_its_own_has_no_reference_to_be_compared_with():
    given = {"select__rates_at": {"mlp.gate_act": [0.1]}, "sensitivity__measure": True}
    with pytest.raises(ConfigError, match=r"'select.rates_at' .* expected one of the two"):
        complete(make_small(), **given)


def test_a_variant_that_states_a_default_of_the_scorer_is_no_other():
    variant = [{"scorer": "cas", "options": {"statistic": "probability"}}]
    with pytest.raises(ConfigError, match=r"sensitivity.variants\[0\].options' is what 'cas' has"):
        complete(make_small(), score__scorers=[{"name": "cas"}], sensitivity__variants=variant)
