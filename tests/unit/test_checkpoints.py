"""What published checkpoints leave open, on tiny checkpoints that leave it open too."""

import importlib.util
import json
import logging
import re
import shutil

import huggingface_hub
import pytest
import torch
from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache
from tiny_models import make_picture
from transformers import AutoConfig

from culture_neurons.dataset.pictures import decode_picture
from culture_neurons.demo.checkpoint import build_model, build_processor, save_checkpoint
from culture_neurons.demo.world import QUESTIONS
from culture_neurons.model.checkpoints import load_checkpoint
from culture_neurons.model.processors import CheckpointError, load_processor, try_picture
from culture_neurons.model.prompts import INSTRUCTION

PANGEA, LLAVA, QWEN = "tiny-pangea", "tiny-llava-v1.6-mistral", "tiny-qwen2.5-vl"
TEMPLATES = {
    PANGEA: "{% for m in messages %}{% for part in m['content'] %}{% if part['type'] == 'image' %}"
    "<image>\n{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}",
}


@pytest.fixture(scope="module")
def models():
    """Tiny models by name, built once."""
    found = {}
    for name in (PANGEA, LLAVA, QWEN):
        processor = build_processor(name)
        found[name] = build_model(name, processor.tokenizer, seed=2).eval(), processor
    return found


@pytest.fixture
def make(models, tmp_path):
    """Save a tiny checkpoint and change the JSON of its files."""

    def make(name, **changes):
        save_checkpoint(*models[name], tmp_path)
        for file, values in changes.items():
            path = tmp_path / f"{file}.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return tmp_path

    return make


def load(folder, **settings):
    return load_checkpoint(str(folder), None, "float32", "cpu", **settings)


def ask(checkpoint, size=(56, 56)):
    """Logits after a prompt, and how many image tokens it has."""
    text = f"{QUESTIONS[0].text}\n{INSTRUCTION}"
    content = [{"type": "image"}, {"type": "text", "text": text}]
    processor = checkpoint.processor
    prompt = processor.apply_chat_template([{"role": "user", "content": content}])
    picture = decode_picture(make_picture(*size, seed=0))
    inputs = processor(text=[prompt], images=[[picture]], return_tensors="pt")
    with torch.inference_mode():
        logits = checkpoint.model(**inputs).logits[0, -1]
    return logits, int((inputs["input_ids"] == processor.image_token_id).sum())


# Chat templates


def test_a_checkpoint_without_a_chat_template_names_the_key_that_gives_one(make):
    folder = make(PANGEA)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(CheckpointError, match="no chat template; give one.*`chat_template`"):
        load(folder)
    logits, _ = ask(load(folder, chat_template=TEMPLATES[PANGEA]))
    assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        # Qwen2's own template, which Pangea's tokenizer inherits: for text alone
        ("{% for m in messages %}<s>{{ m['content'] }}{% endfor %}", "word for word"),
        ("{% for m in messages %}{{ m['content'][1]['text'] }}{% endfor %}", "no '<image>' where"),
        ("{{ raise_exception('one turn only') }}", "template fails.*one turn only"),
        ("{% for m in messages %}", "template fails.*TemplateSyntaxError"),
    ],
)
def test_a_template_that_shows_no_picture_is_refused_before_the_weights(template, message, make):
    folder = make(PANGEA)
    (folder / "chat_template.jinja").write_text(template)
    (folder / "model.safetensors").write_bytes(b"would fail if it were read")
    with pytest.raises(CheckpointError, match=f"(?s){message}.*`chat_template`.* in the config"):
        load(folder)


# Gaps of the processor


def test_null_fields_are_filled_from_the_models_config(make, models, caplog):
    gaps = {"patch_size": None, "vision_feature_select_strategy": None}
    folder = make(PANGEA, processor_config=gaps | {"num_additional_image_tokens": 0})
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        processor = load(folder).processor
    whole = models[PANGEA][1]
    for key in (*gaps, "num_additional_image_tokens"):
        assert getattr(processor, key) == getattr(whole, key)
    assert "processor completed from the model's config: {'patch_size': 56" in caplog.text
    for size in ((56, 56), (120, 40)):
        logits, tokens = ask(load(folder), size)  # the model counts its features itself
        assert logits.isfinite().all()
        assert tokens > 1


def test_fields_that_are_there_are_left_alone(make, caplog):
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        load(make(PANGEA))
    assert "completed" not in caplog.text


def test_a_gap_that_nothing_fills_names_the_key_that_does(make):
    gaps = {"patch_size": None, "num_additional_image_tokens": 1}
    folder = make(PANGEA, processor_config=gaps)
    config = json.loads((folder / "config.json").read_text())
    vision = {k: v for k, v in config["vision_config"].items() if k != "patch_size"}
    (folder / "config.json").write_text(
        json.dumps(config | {"vision_config": vision | {"patch_size": None}})
    )
    with pytest.raises(CheckpointError, match=r"null: patch_size; .*`image_processor: \{patch_si"):
        load(folder)


# Keys of processor_config.json without which no picture can be processed, those of its
# image_processor by their name there.
NEEDED = {
    PANGEA: {
        "null": [
            *("num_additional_image_tokens", "crop_size", "crop_size.height", "crop_size.width"),
            *("image_grid_pinpoints", "image_mean", "image_std", "resample", "rescale_factor"),
            *("size", "size.shortest_edge"),
        ],
        "deleted": ["num_additional_image_tokens", "crop_size"],
    },
    QWEN: {
        "null": [
            *("do_resize", "image_mean", "image_std", "merge_size", "patch_size", "resample"),
            *("rescale_factor", "size.longest_edge", "size.shortest_edge", "temporal_patch_size"),
        ],
        "deleted": ["size.longest_edge", "size.shortest_edge"],
    },
}


def spoil(path, key, how):
    """Take a key's value from a JSON file; returns what the whole setting was."""
    document = json.loads(path.read_text())
    top, *below = key.split(".")
    owner = document if top in document else document["image_processor"]
    whole = json.loads(json.dumps(owner[top]))
    for name in below:
        owner, top = owner[top], name
    owner[top] = None
    if how == "deleted":
        del owner[top]
    path.write_text(json.dumps(document))
    return whole


@pytest.mark.parametrize(
    ("name", "how", "key"),
    [(name, how, key) for name in NEEDED for how, keys in NEEDED[name].items() for key in keys],
)
def test_a_gap_is_refused_with_the_key_that_fills_it_and_that_key_fills_it(name, how, key, make):
    folder = make(name)
    expected, _ = ask(load(folder), (90, 60))
    value = spoil(folder / "processor_config.json", key, how)
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    message, setting = str(caught.value), key.partition(".")[0]
    assert str(folder) in message
    assert f"null: {key}; " in message or f"as its class has it: {key}; " in message
    assert f"`image_processor: {{{setting}: ...}}` of this model in the config" in message
    filled, _ = ask(load(folder, image_processor={setting: value}), (90, 60))
    assert torch.equal(filled, expected)


def list_keys(document):
    """Every key of a checkpoint's JSON file, as `spoil` takes it."""
    inner = document.get("image_processor", {})
    sizes = {key: value for key, value in inner.items() if isinstance(value, dict)}
    return [*document, *inner, *(f"{key}.{edge}" for key in sizes for edge in sizes[key])]


def refuse(folder):
    """What is said when a checkpoint is refused; None if it answers."""
    try:
        assert ask(load(folder), (90, 60))[0].isfinite().all()
    except CheckpointError as error:
        return str(error)


@pytest.mark.parametrize("file", ["processor_config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("name", [PANGEA, QWEN])
def test_no_missing_key_ends_in_an_error_that_names_no_key_of_the_config(name, file, make):
    path = make(name) / file
    whole = path.read_text()
    for key in list_keys(json.loads(whole)):
        for how in ("null", "deleted"):
            spoil(path, key, how)
            said = refuse(path.parent) or "`checkpoint` in the config"
            assert re.search("`(image_processor|checkpoint)\\b.*in the config", said), (key, how)
            path.write_text(whole)


def test_a_null_that_leaves_a_step_out_is_said(make, caplog):
    folder = make(QWEN)
    spoil(folder / "processor_config.json", "do_normalize", "null")
    with caplog.at_level(logging.WARNING, logger="culture_neurons"):
        load(folder)
    assert "null in its processor: do_normalize, so that step is left out" in caplog.text
    assert "set `image_processor: {do_normalize: ...}` of this model" in caplog.text


def test_what_keeps_a_processor_from_opening_is_said(make):
    folder = make(PANGEA)
    spoil(folder / "processor_config.json", "image_token", "null")
    with pytest.raises(
        CheckpointError, match="TypeError.*null in its files: image_token; if a pack"
    ):
        load(folder)


def test_a_lack_of_memory_is_no_fault_of_the_processor(make, monkeypatch):
    def fail(*_, **__):
        raise torch.OutOfMemoryError

    loaded = load(make(PANGEA))
    monkeypatch.setattr(loaded.model, "forward", fail)
    with pytest.raises(torch.OutOfMemoryError):
        try_picture(loaded.model, loaded.processor, {})


def test_settings_reach_the_processor_around_the_image_processor(make):
    folder = make(PANGEA)
    settings = {"patch_size": 28, "image_mean": [0.1, 0.2, 0.3]}
    processor = load_processor(folder, AutoConfig.from_pretrained(folder), None, settings)
    assert processor.patch_size == 28
    assert processor.image_processor.image_mean == [0.1, 0.2, 0.3]
    with pytest.raises(CheckpointError, match="features and image tokens do not match.* set by"):
        load(folder, image_processor=settings)  # the model has patches of 14


def test_a_setting_that_nothing_knows_is_refused_with_those_known(make):
    with pytest.raises(CheckpointError, match="image_processor.max_pixel in .* known: .*'size'"):
        load(make(PANGEA), image_processor={"max_pixel": 9})


def test_a_grid_of_tiles_in_the_config_holds_for_the_model_too(make):
    folder = make(LLAVA)
    one, few = ask(load(folder), (200, 40))
    grid = [[56, 112], [56, 168]]
    loaded = load(folder, image_processor={"image_grid_pinpoints": grid})
    assert loaded.model.config.image_grid_pinpoints == grid
    other, many = ask(loaded, (200, 40))
    assert many > few
    assert not torch.equal(one, other)


# Embeddings


def test_embeddings_shorter_than_the_tokenizer_grow_and_are_the_same_every_time(make):
    folder = make(PANGEA)
    before = load(folder)
    rows = before.model.get_input_embeddings().num_embeddings
    tokenizer = before.processor.tokenizer
    tokenizer.add_tokens(["<new-1>", "<new-2>"])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = load(folder)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    second = load(folder)
    for part in ("get_input_embeddings", "get_output_embeddings"):
        # Dense: weights may be packed.
        old, weight, again = (
            getattr(loaded.model, part)().weight.to_dense() for loaded in (before, first, second)
        )
        assert len(weight) == rows + 2
        assert torch.equal(weight, again)
        assert torch.equal(weight[:rows], old)
        assert torch.allclose(weight[rows], weight[:rows].mean(0))
    old, new = ask(before)[0], ask(first)[0]
    torch.testing.assert_close(new[:rows], old, atol=1e-5, rtol=1e-4)


# Qwen2.5-VL


def test_a_qwen_checkpoint_is_opened_without_torchvision(make):
    assert importlib.util.find_spec("torchvision") is None  # else this test would show nothing
    logits, tokens = ask(load(make(QWEN)))
    assert logits.isfinite().all()
    assert tokens == 4


def test_a_processor_that_transformers_lacks_is_refused_with_what_to_do(make):
    folder = make(PANGEA, processor_config={"image_processor": {"image_processor_type": "NoSuch"}})
    with pytest.raises(CheckpointError, match="(?s)cannot be loaded: .*if a package is missing"):
        load(folder)


def write_published_form(folder, **limits):
    """Describe the image processor as Qwen's checkpoints do: pixels in a file of its own."""
    path = folder / "processor_config.json"
    document = json.loads(path.read_text())
    pictures = {k: v for k, v in document["image_processor"].items() if k != "size"}
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures | limits))
    path.unlink()


def test_a_huge_limit_of_pixels_is_said_and_the_config_lowers_it(make, caplog):
    folder = make(QWEN)
    write_published_form(folder, min_pixels=3136, max_pixels=12_845_056)
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        assert ask(load(folder), (400, 300))[1] == 14 * 11
    assert "a picture takes at most 16384 tokens" in caplog.text
    assert "this is the checkpoint's own limit" in caplog.text
    assert "image_processor: {size: {shortest_edge: ..., longest_edge: ...}}" in caplog.text
    caplog.clear()
    limits = {"size": {"shortest_edge": 3136, "longest_edge": 50_176}}
    with caplog.at_level(logging.INFO, logger="culture_neurons"):
        tokens = ask(load(folder, image_processor=limits), (400, 300))[1]
    assert tokens <= 64
    assert "a picture takes at most 64 tokens" in caplog.text
    assert "own limit" not in caplog.text


@pytest.mark.parametrize("size", [{"longest_edge": 9}, {"height": 56, "width": 56}])
def test_a_size_in_other_terms_is_refused(size, make):
    with pytest.raises(CheckpointError) as caught:
        load(make(QWEN), image_processor={"size": size})
    assert "must contain 'shortest_edge' and 'longest_edge'" in str(caught.value)
    assert f"set by the config: {{'size': {size}}}" in str(caught.value)
    assert "`image_processor: {size: ...}` of this model in the config" in str(caught.value)


# Hub


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An offline Hub cache; put(folder, commit) makes a checkpoint's files owner/name in it."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub/models--owner--name"

    def put(folder, commit):
        (repository / "snapshots" / commit).mkdir(parents=True)
        for path in folder.iterdir():
            if path.is_file():
                shutil.copy(path, repository / "snapshots" / commit)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs/main").write_text(commit)
        return repository

    return put


@pytest.mark.parametrize("revision", [None, "main", "c0ffee" * 6 + "beef"])
def test_a_hub_checkpoint_is_read_from_the_cache_and_its_commit_recorded(revision, make, hub):
    commit = "c0ffee" * 6 + "beef"
    hub(make(PANGEA), commit)
    loaded = load_checkpoint("owner/name", revision, "float32", "cpu")
    assert loaded.resolved == commit
    assert ask(loaded)[0].isfinite().all()


def test_a_hub_cache_may_be_given(make, hub, tmp_path):
    hub(make(PANGEA), "a" * 40)
    (tmp_path / "hub").rename(tmp_path / "a shared cache")
    settings = {"cache_dir": str(tmp_path / "a shared cache")}
    loaded = load_checkpoint("owner/name", None, "float32", "cpu", **settings)
    assert loaded.resolved == "a" * 40


def test_a_hub_checkpoint_that_is_not_in_the_cache_says_how_to_get_it(make, hub):
    hub(make(PANGEA), "a" * 40)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint("owner/name", "b" * 40, "float32", "cpu")
    assert f"Hub model at revision '{'b' * 40}' cannot be had" in str(caught.value)
    assert f"hf download --repo-type model --revision {'b' * 40} owner/name" in str(caught.value)


def test_a_cache_that_lacks_a_file_of_the_checkpoint_is_refused(make, hub):
    repository = hub(make(PANGEA), "a" * 40)
    entries = {
        path.name: {"size": 1, "blob_id": "0" * 40, "lfs_sha256": None, "lfs_size": None}
        | {"xet_hash": None}
        for path in (repository / "snapshots" / ("a" * 40)).iterdir()
    }
    write_tree_cache(
        str(repository), "a" * 40, {k: TreeCacheEntry(**v) for k, v in entries.items()}
    )
    load_checkpoint("owner/name", None, "float32", "cpu")
    (repository / "snapshots" / ("a" * 40) / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"is incomplete: 1 file.*model.safetensors"):
        load_checkpoint("owner/name", None, "float32", "cpu")


# Refusals


def test_a_checkpoint_without_safetensors_is_refused(make):
    folder = make(PANGEA)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"no \*.safetensors in this folder"):
        load(folder)


def test_a_processor_class_that_is_unknown_is_refused(make):
    folder = make(PANGEA, processor_config={"processor_class": "NoSuchProcessor"})
    with pytest.raises(CheckpointError, match="AutoProcessor returned .*, not a processor with"):
        load(folder)
