"""Further families: exact in the way that the trial finds, or refused with the reason."""

from dataclasses import replace

import further_architectures
import pytest
import torch
import transformers
from architectures import BUILDERS, TEXT, make_model
from plain_models import plain_logits, reference_sums
from tiny_models import PICTURES, make_questions

from culture_neurons.engine.answering import tabulate_answers
from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.recording import capture_cells
from culture_neurons.engine.trial import find_way
from culture_neurons.engine.way import Way
from culture_neurons.hooks.hookpoints import HookpointError, find_layers
from culture_neurons.hooks.places import list_hookpoints, load_hookpoint
from culture_neurons.model import processors
from culture_neurons.model.checkpoints import Checkpoint, load_checkpoint
from culture_neurons.model.processors import CheckpointError, load_processor

LETTERS = [[5], [6, 7], [8], [9]]
# Cross-attention to the picture, and linear attention, keep more than a cache of keys; Molmo2
# counts patches over the whole batch.
WHOLE = ("mllama", "qwen3_5", "qwen2_5_omni_thinker", "molmo2")
# Some of their layers see a window alone; others keep more than keys, or mask them otherwise.
WINDOWED = ("gemma3n", "gemma4", "llava_pixtral", "mistral3", "aya_vision", "idefics2")
UNKEPT = ("qwen2_5_omni_thinker", "mllama", "qwen3_5")
SEEING = ("got_ocr2",)  # its processor takes no text without a picture
ALONE = ("molmo2", "perception_lm")  # pictures of other sizes do not go into one batch

PICTURES_OF = {"vision.mlp", "vision.out", "vision.head"}
# Towers of other structures, or stand-ins; projectors without an activation, or several that join;
# linear and cross attention; heads of two sizes. Padded pictures are refused by the trial.
LACKING = {
    "deepseek_vl_hybrid": {"projector.act"},
    "got_ocr2": {"projector.act", *PICTURES_OF},
    "gemma3n": {"projector.act", *PICTURES_OF},
    "perception_lm": PICTURES_OF,
    "gemma4": {"attn.head", "projector.act", *PICTURES_OF},
    "smolvlm": {"projector.act"},
    "idefics2": {"projector.act", *PICTURES_OF},
    "mllama": {"attn.head", "attn.out", "projector.act", *PICTURES_OF},
    "ovis2": {"projector.act"},
    "janus": {"projector.act"},
    "qwen3_5": {"attn.head", "attn.out"},
}


@pytest.fixture(scope="module", params=further_architectures.BUILDERS)
def family(request):
    return request.param, further_architectures.make_checkpoint(request.param)


def choose_way(name):
    return Way(
        share=name not in WHOLE,
        keep=name not in (*WINDOWED, *UNKEPT),
        batch=name not in ALONE,
        blind=name not in SEEING,
    )


def make_feed(questions, alone=False):
    return Feed(questions, PICTURES, TokenBudget(1 if alone else 600))


def ask_images():
    return make_questions(8, cultures=("AAA",), folds=1, per_image=2)


def test_the_trial_finds_the_way_that_is_exact(family):
    name, checkpoint = family
    feed = make_feed(make_questions(20, cultures=("AAA",), folds=1, per_image=2))
    way = choose_way(name)
    assert find_way(checkpoint, feed, ["mlp.gate_act"]) == way


def test_masks_at_every_hookpoint_are_exact_or_the_hookpoint_is_refused_by_name(family):
    name, checkpoint = family
    feed = make_feed(make_questions(20, cultures=("AAA",), folds=1, per_image=2))
    way, lacking = choose_way(name), {}
    for hookpoint in list_hookpoints():
        expected = way
        if load_hookpoint(hookpoint).on_pictures:
            # No prefix is kept for them. Shared, pictures of many masks are encoded together.
            expected = way._replace(keep=True, share=way.share and way.batch)
        try:
            found = find_way(checkpoint, feed, [hookpoint])
        except HookpointError as error:
            lacking[hookpoint] = str(error)
        else:
            assert found == expected, hookpoint
    assert lacking.keys() == LACKING.get(name, set())
    assert all(repr(hookpoint) in message for hookpoint, message in lacking.items())


@pytest.mark.parametrize("blind", [False, True])
def test_answers_are_those_of_plain_forwards(family, blind):
    name, checkpoint = family
    if blind and name in SEEING:
        pytest.skip("cannot be asked without a picture")
    questions = ask_images()
    if blind:
        questions = [replace(question, image_id=None) for question in questions]
    feed = make_feed(questions, alone=name in ALONE)
    table = tabulate_answers(checkpoint, feed, LETTERS, choose_way(name))
    columns = table.tabulate_answers()
    order = {question.question_id: question for question in questions}
    for question_id, found in zip(columns["question_id"], columns["option_logprobs"], strict=True):
        question = order[question_id]
        logprobs = plain_logits(checkpoint, question).log_softmax(-1)
        letters = torch.stack([logprobs[forms].logsumexp(-1) for forms in LETTERS])
        shown = torch.tensor(found)[list(question.option_order)]
        assert torch.allclose(shown, letters, atol=1e-4)


def test_the_picture_matters(family):
    _, checkpoint = family
    first, *_ = ask_images()
    other = replace(first, image_id="p1")
    difference = plain_logits(checkpoint, first) - plain_logits(checkpoint, other)
    assert float(difference.abs().max()) > 1e-2


def test_sums_are_those_of_plain_forwards(family):
    name, checkpoint = family
    questions = ask_images()
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    scopes = {"all": ["image", "question", "options"]}
    ((_, images),) = feed_cells(checkpoint, make_feed(questions))
    prompts = {question.question_id: prompt for image in images for question, prompt in image}
    parts = [reference_sums(checkpoint, q, prompts[q.question_id]) for q in questions]
    active, total, close = (sum(part[i] for part in parts) for i in range(3))
    feed = make_feed(questions, alone=name in ALONE)
    (cell,) = capture_cells(checkpoint, feed, layers, scopes)
    assert bool(((cell.sums["active"][0] - active).abs() <= close).all())
    assert int(close.sum()) * 1000 < cell.tokens[0] * active.numel()
    size = cell.sums["total_squares"][0].sqrt() * cell.tokens[0] ** 0.5
    assert float(((cell.sums["total"][0] - total).abs() / size.clamp(min=1e-6)).max()) <= 1e-5


# Refused, with the reason


def make_meta(kind, config):
    with torch.device("meta"):
        return kind(config)


def test_a_mixture_of_experts_beside_a_dense_mlp_is_refused():
    text = TEXT | {"enable_moe_block": True, "num_experts": 4, "top_k_experts": 2}
    text |= {"moe_intermediate_size": 16, "vocab_size": 64, "vocab_size_per_layer_input": 64}
    model = make_meta(
        transformers.Gemma4ForConditionalGeneration, transformers.Gemma4Config(text_config=text)
    )
    with pytest.raises(HookpointError, match=r"layers\.0\.experts are experts, of which"):
        find_layers(model, "mlp.gate_act")


def test_a_mixture_of_experts_is_refused_as_one():
    config = transformers.Qwen3VLMoeConfig()
    model = make_meta(transformers.Qwen3VLMoeForConditionalGeneration, config)
    with pytest.raises(HookpointError, match="some gates would be left out"):
        find_layers(model, "mlp.gate_act")


def test_a_decoder_without_a_list_of_layers_is_refused_by_its_class():
    model = make_meta(transformers.Llama4ForConditionalGeneration, transformers.Llama4Config())
    with pytest.raises(HookpointError, match="missing: Llama4ForCausalLM.layers"):
        find_layers(model, "mlp.gate_act")


def test_an_encoder_and_a_decoder_are_refused_before_anything_is_loaded(tmp_path):
    transformers.T5Gemma2Config().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(CheckpointError, match="t5gemma2 is an encoder and a decoder"):
        load_checkpoint(str(tmp_path), None, "float32", "cpu")


def test_a_config_without_a_token_for_pictures_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="git: its config names no `image_token_id`"):
        load_processor(tmp_path, transformers.GitConfig(), None, {})


def test_a_null_that_the_class_has_too_is_not_said_to_be_left_out(tmp_path, caplog):
    kind, config, processor = further_architectures.BUILDERS["aya_vision"]()
    assert processors._find_nulls(processor)
    make_model(kind, config).save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    load_processor(tmp_path, config, None, {})
    assert "null in its processor" not in caplog.text


def test_gates_of_pictures_are_open():
    """Mllama's are closed before training; then no test would see its pictures."""
    kind, config, _ = further_architectures.BUILDERS["mllama"]()
    gates = [w for path, w in make_model(kind, config).named_parameters() if path.endswith("gate")]
    assert gates
    assert all(float(gate) == 1 for gate in gates)


def test_twenty_classes_or_more_are_exact():
    builders = {**BUILDERS, **further_architectures.BUILDERS}
    kinds = {builder()[0] for builder in builders.values()}
    demo = {
        transformers.LlavaNextForConditionalGeneration,
        transformers.Qwen2_5_VLForConditionalGeneration,
    }
    assert len(kinds | demo) >= 20
    assert isinstance(further_architectures.make_checkpoint("llava"), Checkpoint)


@pytest.mark.parametrize("name", ["video_llama_3", "gemma4"])
def test_a_processor_with_a_video_half_is_opened_without_it(name, tmp_path):
    _, config, processor = further_architectures.BUILDERS[name]()
    processor.save_pretrained(tmp_path)
    opened = load_processor(tmp_path, config, None, {})
    for part in processor.get_attributes():
        assert type(getattr(opened, part)) is type(getattr(processor, part))
    assert not hasattr(opened, "video_processor")
