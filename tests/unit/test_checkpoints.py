"""What published checkpoints leave open, on tiny checkpoints that leave it open too."""

import importlib.util
import json
import logging
import shutil

import huggingface_hub
import pytest
import torch
from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache
from tiny_models import make_picture

from culture_neurons.checkpoints import load_checkpoint
from culture_neurons.demo.checkpoint import build_model, build_processor, save_checkpoint
from culture_neurons.demo.world import QUESTIONS
from culture_neurons.pictures import decode_picture
from culture_neurons.processors import CheckpointError
from culture_neurons.prompts import INSTRUCTION

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
    with pytest.raises(CheckpointError, match=r"patch_size is null.*`image_processor: \{patch_s"):
        load(folder)


def test_settings_reach_the_processor_around_the_image_processor(make):
    loaded = load(make(PANGEA), image_processor={"patch_size": 28, "image_mean": [0.1, 0.2, 0.3]})
    assert loaded.processor.patch_size == 28
    assert loaded.processor.image_processor.image_mean == [0.1, 0.2, 0.3]


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
        weight = getattr(first.model, part)().weight
        assert len(weight) == rows + 2
        assert torch.equal(weight, getattr(second.model, part)().weight)
        assert torch.equal(weight[:rows], getattr(before.model, part)().weight)
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
    with pytest.raises(CheckpointError, match="image_processor.size .* both numbers of pixels"):
        load(make(QWEN), image_processor={"size": size})


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
