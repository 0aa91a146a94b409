"""Every hookpoint of several families against hooks that the test sets itself."""

from dataclasses import dataclass, replace

import architectures
import further_architectures
import pytest
import tiny_models
import torch
from plain_models import plain_logits
from tiny_models import PICTURES, make_questions

from culture_neurons.engine.answering import MaskedModel, answer_questions
from culture_neurons.engine.batches import TokenBudget, group_image
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.recording import capture_cells
from culture_neurons.engine.responses import AskedTogether
from culture_neurons.engine.shared_prefix import SharedPrefix
from culture_neurons.engine.whole_prompts import prepare_prompts, run_prompts
from culture_neurons.hooks.hookpoints import HookpointError, find_layers
from culture_neurons.hooks.interventions import UNMODIFIED, ablate, intervene, replace_by
from culture_neurons.hooks.places import list_hookpoints
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.prompts import SCOPES


@dataclass(frozen=True)
class Reference:
    """Where a hookpoint's activations are, written by hand: a module of layer {}, and its side."""

    path: str
    side: str
    layers: int
    head: int = 1  # coordinates of a neuron
    leading: int = 0  # tokens before the patches


def refer(decoder, tower, attention, mlp, projector, layers, heads, leading=0):
    """The table of one family; `heads` are the sizes of the decoder's and the tower's."""
    text, vision = layers
    return {
        "mlp.gate_act": Reference(f"{decoder}.mlp.act_fn", "output", text),
        "mlp.neuron": Reference(f"{decoder}.mlp.down_proj", "input", text),
        "attn.out": Reference(f"{decoder}.self_attn.o_proj", "input", text),
        "attn.head": Reference(f"{decoder}.self_attn.o_proj", "input", text, heads[0]),
        "vision.mlp": Reference(f"{tower}.{mlp}", "output", vision, 1, leading),
        "vision.out": Reference(f"{tower}.{attention}", "input", vision, 1, leading),
        "vision.head": Reference(f"{tower}.{attention}", "input", vision, heads[1], leading),
        "projector.act": projector,
    }


DECODER = "model.language_model.layers.{}"
LLAVA = refer(
    DECODER,
    "model.vision_tower.encoder.layers.{}",
    "self_attn.out_proj",
    "mlp.activation_fn",
    Reference("model.multi_modal_projector.act", "output", 1),
    layers=(4, 1),  # the decoder reads the tower before its last layer
    heads=(16, 12),
    leading=1,
)
FAMILIES = {
    "tiny-llava-v1.6-mistral": LLAVA,
    "tiny-pangea": LLAVA,
    "tiny-qwen2.5-vl": refer(
        DECODER,
        "model.visual.blocks.{}",
        "attn.proj",
        "mlp.act_fn",
        Reference("model.visual.merger.mlp.1", "output", 1),
        layers=(4, 2),
        heads=(16, 12),
    ),
    "internvl": refer(
        DECODER,
        "model.vision_tower.encoder.layer.{}",
        "attention.projection_layer",
        "mlp.activation_fn",
        Reference("model.multi_modal_projector.act", "output", 1),
        layers=(4, 2),
        heads=(8, 8),
        leading=1,
    ),
    "glm4v": refer(
        DECODER,
        "model.visual.blocks.{}",
        "attn.proj",
        "mlp.act_fn",
        Reference("model.visual.merger.act_fn", "output", 1),
        layers=(4, 2),
        heads=(8, 8),
    )
    | {"mlp.gate_act": Reference(f"{DECODER}.mlp.activation_fn", "output", 4)},
}
PAIRS = [(family, name) for family, table in FAMILIES.items() for name in table]
PICTURE_HOOKPOINTS = [name for name in LLAVA if name.startswith(("vision", "projector"))]


def load(family):
    if family.startswith("tiny"):
        return tiny_models.make_checkpoint(family)
    kind, config, processor = architectures.BUILDERS[family]()
    return Checkpoint(architectures.make_model(kind, config), processor, "random weights")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param, load(request.param)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def hooked(request, loaded):
    name, hookpoint = request.param
    checkpoint = loaded(name)
    layers = find_layers(checkpoint.model, hookpoint)
    return checkpoint, layers, FAMILIES[name][hookpoint]


@pytest.fixture(scope="module")
def loaded():
    known = {}

    def get(name):
        if name not in known:
            known[name] = load(name)
        return known[name]

    return get


def make_feed(questions, budget=100_000):
    return Feed(questions, PICTURES, TokenBudget(budget))


def ask():
    return make_questions(6, cultures=("AAA",), folds=1, per_image=2)


def list_modules(model, reference):
    return [model.get_submodule(reference.path.format(i)) for i in range(reference.layers)]


def hook(module, side, change):
    """Call `change` with the activations, and take what it returns in their place."""
    if side == "input":
        return module.register_forward_pre_hook(
            lambda _module, inputs: None if (new := change(inputs[0])) is None else (new,)
        )
    return module.register_forward_hook(lambda _module, _inputs, output: change(output))


def plain_values(checkpoint, question, reference):
    """The activations of one plain forward, layer by layer: ([rows,] tokens, coordinates)."""
    found = [None] * reference.layers

    def keep(layer):
        return lambda values: found.__setitem__(layer, values.detach().double().clone())

    modules = list_modules(checkpoint.model, reference)
    handles = [hook(m, reference.side, keep(i)) for i, m in enumerate(modules)]
    plain_logits(checkpoint, question)
    for handle in handles:
        handle.remove()
    return found


def plain_silenced(checkpoint, question, reference, mask):
    """Logits of one plain forward with neurons set to zero."""

    def silence(columns):
        def change(values):
            values = values.clone()
            values[..., columns] = 0.0
            return values

        return change

    handles = []
    for layer, neurons in mask.items():
        columns = [n * reference.head + i for n in neurons.tolist() for i in range(reference.head)]
        module = list_modules(checkpoint.model, reference)[layer]
        handles.append(hook(module, reference.side, silence(columns)))
    logits = plain_logits(checkpoint, question)
    for handle in handles:
        handle.remove()
    return logits


def make_masks(layers):
    """Neurons of the first layer, of the last, and none."""
    first, last = layers.axis.widths[0], len(layers.modules) - 1
    thirds = torch.arange(0, first, 3)
    return [{0: thirds}, {0: thirds[:1], last: torch.arange(1, layers.axis.widths[last], 2)}, {}]


def assert_same(found, expected):
    scale = float(expected.max() - expected.min())
    assert float((found - expected).abs().max()) <= 1e-5 * scale


def test_every_hookpoint_is_in_the_table():
    assert all(sorted(table) == list_hookpoints() for table in FAMILIES.values())


def test_masks_do_what_plain_hooks_do_however_prompts_are_run(hooked):
    checkpoint, layers, reference = hooked
    questions, masks = ask(), make_masks(layers)
    maps = [ablate(mask) for mask in masks]
    expected = torch.stack(
        [
            torch.stack([plain_silenced(checkpoint, q, reference, mask) for q in questions])
            for mask in masks
        ]
    )  # (masks, questions, vocabulary)
    ((_, images),) = feed_cells(checkpoint, make_feed(questions))
    order = {q.question_id: place for place, q in enumerate(questions)}
    for image in images:
        group = group_image(image, checkpoint.image_token)
        asked = [order[question.question_id] for question, _ in group.asked]
        shared = SharedPrefix(checkpoint, [group]).run(layers, maps)
        assert_same(shared, expected[:, asked])
        prompts = [prompt for _, prompt in group.asked]
        batch = prepare_prompts(checkpoint, prompts, not layers.hookpoint.on_pictures)
        for place, affine in enumerate(maps):
            with intervene(layers, [affine]):
                assert_same(run_prompts(checkpoint, batch), expected[place, asked])


def test_pictures_of_one_batch_have_their_own_features_under_each_mask(hooked):
    """Two pictures of one length, several masks: rows are masks x pictures."""
    checkpoint, layers, reference = hooked
    first = ask()[:2]
    others = [replace(q, question_id=f"p7_{i}", image_id="p7") for i, q in enumerate(first)]
    questions = [*first, *others]
    masks = make_masks(layers)
    ((_, images),) = feed_cells(checkpoint, make_feed(questions))
    groups = [group_image(image, checkpoint.image_token) for image in images]
    assert len({group.shared for group in groups}) == 1
    found = SharedPrefix(checkpoint, groups).run(layers, [ablate(mask) for mask in masks])
    asked = [question for group in groups for question, _ in group.asked]
    for rows, mask in zip(found, masks, strict=True):
        for row, question in zip(rows, asked, strict=True):
            assert_same(row, plain_silenced(checkpoint, question, reference, mask))


def test_sums_are_those_of_plain_forwards(hooked):
    checkpoint, layers, reference = hooked
    questions = ask()
    scopes = {"all": list(SCOPES)}
    cells = [
        next(capture_cells(checkpoint, make_feed(questions, budget), layers, scopes))
        for budget in (1, 100_000)
    ]
    values = [plain_values(checkpoint, question, reference) for question in questions]
    parts = []
    for layer in range(reference.layers):
        rows = [of_question[layer] for of_question in values]
        rows = [row[:, reference.leading :].flatten(0, -2) for row in rows if row.dim() > 2] or rows
        found = torch.cat(rows)  # (tokens, coordinates)
        if reference.head > 1:
            found = found.unflatten(1, (-1, reference.head)).square().sum(-1).sqrt()
        parts.append(found)
    tokens = len(parts[0])
    for cell in cells:
        assert cell.tokens == (tokens,)
        total = torch.cat([part.sum(0) for part in parts])
        squares = torch.cat([part.square().sum(0) for part in parts])
        size = squares.sqrt() * tokens**0.5
        assert float(((cell.sums["total"][0] - total).abs() / size.clamp(min=1e-6)).max()) <= 1e-5
        assert torch.allclose(cell.sums["total_squares"][0], squares, rtol=1e-4)
        active = torch.cat([(part > 0).sum(0) for part in parts])
        close = torch.cat([(part.abs() < 1e-5).sum(0) for part in parts])
        if reference.head > 1:
            assert not cell.sums["active"].any()  # a norm is never silent
        else:
            assert bool(((cell.sums["active"][0] - active).abs() <= close).all())


def test_tokens_of_pictures_are_as_many_as_the_processor_documents(family):
    name, checkpoint = family
    questions = ask()
    ((_, images),) = feed_cells(checkpoint, make_feed(questions))
    prompts = [prompt for image in images for _, prompt in image]
    delivered = sum(int((prompt.ids == checkpoint.image_token).sum()) for prompt in prompts)
    config = checkpoint.model.config.vision_config
    if "image_grid_thw" in prompts[0].picture_inputs:  # patches, of which 2 x 2 are merged
        patches = sum(int(p.picture_inputs["image_grid_thw"].prod()) for p in prompts)
        projected = patches // 4
        assert projected == delivered
    else:
        side = config.image_size[0] if isinstance(config.image_size, tuple) else config.image_size
        size = config.patch_size[0] if isinstance(config.patch_size, tuple) else config.patch_size
        tiles = [p.picture_inputs["pixel_values"] for p in prompts]
        tiles = sum(t.flatten(0, -4).shape[0] for t in tiles)
        patches = tiles * (side // size) ** 2
        projected = delivered if name == "internvl" else patches  # LLaVA adds ends of lines
    for hookpoint in PICTURE_HOOKPOINTS:
        layers = find_layers(checkpoint.model, hookpoint)
        (cell,) = capture_cells(checkpoint, make_feed(questions), layers, {"picture": ["image"]})
        assert cell.tokens == (projected if hookpoint == "projector.act" else patches,)


def test_all_heads_of_a_layer_are_its_attention_output(family):
    name, checkpoint = family
    for heads, out in (("attn.head", "attn.out"), ("vision.head", "vision.out")):
        layers, coordinates = (find_layers(checkpoint.model, point) for point in (heads, out))
        assert coordinates.axis.widths[0] == layers.axis.widths[0] * layers.block
        whole = {0: torch.arange(coordinates.axis.widths[0])}
        expected = plain_silenced(checkpoint, ask()[0], FAMILIES[name][out], whole)
        with intervene(layers, [ablate({0: torch.arange(layers.axis.widths[0])})]):
            found = plain_logits(checkpoint, ask()[0])
        assert torch.equal(found, expected)


def test_a_head_is_replaced_by_the_means_of_its_coordinates(family):
    _, checkpoint = family
    layers, out = (find_layers(checkpoint.model, name) for name in ("attn.head", "attn.out"))
    means = torch.arange(out.axis.widths[1]).float() / 50
    head = torch.tensor([2])
    with intervene(layers, [replace_by({1: head}, {1: means.view(-1, layers.block)})]):
        found = plain_logits(checkpoint, ask()[0])
    columns = torch.arange(2 * layers.block, 3 * layers.block)
    with intervene(out, [replace_by({1: columns}, {1: means})]):
        assert torch.equal(found, plain_logits(checkpoint, ask()[0]))


@pytest.mark.parametrize("hookpoint", PICTURE_HOOKPOINTS)
def test_a_mask_on_pictures_changes_logits_and_an_empty_one_nothing(family, hookpoint):
    _, checkpoint = family
    layers = find_layers(checkpoint.model, hookpoint)
    questions = ask()
    mask = {0: torch.arange(layers.axis.widths[0] // 2)}
    ids = [question.question_id for question in questions]

    def answer(*maps):
        model = MaskedModel(checkpoint, [[5], [6], [7], [8]], TokenBudget(100_000), layers, maps)
        rounds = [AskedTogether(range(len(maps)), ids)]
        return list(answer_questions(model, make_feed(questions), lambda _: rounds))

    def run(*maps):
        return torch.cat([torch.from_numpy(part.letters) for part in answer(*maps)], dim=1)

    plain = run(UNMODIFIED, UNMODIFIED)
    assert torch.equal(run(UNMODIFIED, ablate({})), plain)
    assert torch.equal(run(UNMODIFIED, ablate({0: torch.empty(0).long()}))[1], plain[1])
    assert float((run(UNMODIFIED, ablate(mask)) - plain)[1].abs().max()) > 1e-3


def test_a_mask_on_pictures_that_are_encoded_already_is_an_error(family):
    """Features that all masks share know nothing of it: the answers would be the unmodified."""
    _, checkpoint = family
    ((_, images),) = feed_cells(checkpoint, make_feed(ask()[:2]))
    batch = prepare_prompts(checkpoint, [prompt for _, prompt in images[0]])
    layers = find_layers(checkpoint.model, "vision.mlp")
    with (
        pytest.raises(HookpointError, match=r"'vision.mlp': the model ran without its modules"),
        intervene(layers, [ablate({0: torch.tensor([1])})]),
    ):
        run_prompts(checkpoint, batch)


def test_layers_that_feed_nothing_are_left_out_by_name():
    checkpoint = tiny_models.make_checkpoint("tiny-pangea")
    assert "the last 1 layers are left out" in str(find_layers(checkpoint.model, "vision.head"))
    changed = plain_silenced(
        checkpoint,
        ask()[0],
        replace(LLAVA["vision.mlp"], layers=2),
        {1: torch.arange(96)},
    )
    assert torch.equal(changed, plain_logits(checkpoint, ask()[0]))


def test_a_projector_without_neurons_is_refused():
    kind, config, _ = architectures.BUILDERS["paligemma"]()
    model = architectures.make_model(kind, config)
    with pytest.raises(HookpointError, match="one that is a single linear map has no neurons"):
        find_layers(model, "projector.act")


def test_heads_of_several_sizes_are_refused():
    checkpoint = further_architectures.make_checkpoint("gemma4")
    with pytest.raises(HookpointError, match=r"heads have \[8, 512\] coordinates"):
        find_layers(checkpoint.model, "attn.head")


def test_layers_without_attention_are_refused_by_name():
    checkpoint = further_architectures.make_checkpoint("qwen3_5")
    with pytest.raises(HookpointError, match=r"missing: Qwen3_5TextModel\.layers\.0\.self_attn"):
        find_layers(checkpoint.model, "attn.out")


@pytest.mark.parametrize("name", ["gemma4", "idefics2"])
def test_padded_pictures_are_not_recorded(name):
    checkpoint = further_architectures.make_checkpoint(name)
    layers = find_layers(checkpoint.model, "vision.mlp")
    with pytest.raises(HookpointError, match="its processor pads pictures"):
        next(capture_cells(checkpoint, make_feed(ask()), layers, {"picture": ["image"]}))


def test_an_unknown_hookpoint_names_those_that_are_known():
    checkpoint = tiny_models.make_checkpoint("tiny-pangea")
    with pytest.raises(HookpointError, match=r"'mlp.gates' is unknown; known: \['attn.head'"):
        find_layers(checkpoint.model, "mlp.gates")
