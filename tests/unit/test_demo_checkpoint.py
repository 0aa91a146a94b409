"""Tiny demo models without training: build, save, load, encode, run."""

import json
import math

import numpy as np
import pytest
import torch

from culture_neurons.dataset.question import Question
from culture_neurons.demo.architectures import ARCHITECTURES
from culture_neurons.demo.checkpoint import (
    CHECKPOINT_FILES,
    build_model,
    build_processor,
    save_checkpoint,
)
from culture_neurons.demo.lessons import Lessons
from culture_neurons.demo.names import VARIANTS, list_planted_at
from culture_neurons.demo.pictures import draw_general_picture, draw_picture, encode_png
from culture_neurons.demo.planting import (
    UNTOUCHED,
    Plants,
    draw_interventions,
    draw_plants,
    hinge_loss,
    record_gates,
    spare_loss,
    weaken_gates,
)
from culture_neurons.demo.recipe import Recipe
from culture_neurons.demo.training import Probes, train_demo_model
from culture_neurons.demo.world import (
    CULTURES,
    GENERAL_QUESTION,
    GENERAL_THINGS,
    NO_CULTURE,
    QUESTIONS,
    THINGS,
    find_tongue,
    list_questions,
    list_words,
    translate,
)
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import ablate, intervene
from culture_neurons.model.checkpoints import load_checkpoint
from culture_neurons.model.cpu_inference import pack_linear
from culture_neurons.model.prompts import SCOPES, encode_prompt, find_letter_tokens
from culture_neurons.neurons import NeuronAxis
from culture_neurons.storage.facts import read_facts
from culture_neurons.storage.tables import read_table

SEED = 3


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def saved(request, tmp_path_factory):
    """A model's name, the model and processor as built, and the folder they were saved to."""
    folder = tmp_path_factory.mktemp(request.param)
    processor = build_processor(request.param)
    model = build_model(request.param, processor.tokenizer, SEED).eval()
    save_checkpoint(model, processor, folder)
    return request.param, model, processor, folder


@pytest.fixture(scope="module")
def lessons(saved):
    return Lessons(saved[2], pictures=2, seed=5)


def ask(processor, batch, row, culture=0, picture=None):
    """The batch's row, encoded as a question."""
    world_question = QUESTIONS[batch.question[row]]
    words = list_words()
    shown = tuple(words[index] for index in batch.options[row])
    if picture is None:
        rng = np.random.default_rng(0)
        picture = encode_png(draw_picture(culture, world_question.thing, rng))
    question = Question("q", "X", 0, "", world_question.text, shown, 0, (0, 1, 2, 3))
    return encode_prompt(processor, processor.image_token_id, question, picture)


def test_the_folder_holds_the_listed_files_and_no_others(saved):
    folder = saved[3]
    assert {path.name for path in folder.iterdir()} == set(CHECKPOINT_FILES)


def test_a_loaded_checkpoint_answers_as_the_saved_model(saved, lessons):
    _, model, _, folder = saved
    loaded = load_checkpoint(str(folder), None, "float32", "cpu")
    batch = lessons.draw_batch(1, torch.Generator().manual_seed(0))
    encoded = ask(loaded.processor, batch, 0)
    with torch.inference_mode():
        expected = model(**encoded.token_inputs, **encoded.picture_inputs).logits
        found = loaded.model(**encoded.token_inputs, **encoded.picture_inputs).logits
    weights = {key: value.to_dense() for key, value in loaded.model.state_dict().items()}
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert not pack_linear(loaded.model)  # all that can be is packed already
    # Weights packed for a CPU change how matmuls are rounded.
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert found.shape[1] == encoded.tokens
    assert torch.isfinite(found).all()
    assert all(len(forms) == 1 for forms in find_letter_tokens(loaded.processor, 4))


def test_a_qwen_checkpoint_names_the_stock_processor_and_its_video_half(tmp_path):
    processor = build_processor("tiny-qwen2.5-vl")
    model = build_model("tiny-qwen2.5-vl", processor.tokenizer, seed=0)
    save_checkpoint(model, processor, tmp_path)
    config = json.loads((tmp_path / "processor_config.json").read_text())
    assert config["processor_class"] == "Qwen2_5_VLProcessor"
    assert config["video_processor"]["video_processor_type"] == "Qwen2VLVideoProcessor"
    assert "ImageOnly" not in (tmp_path / "tokenizer_config.json").read_text()


def test_training_prompts_are_those_of_encode_prompt(saved, lessons):
    batch = lessons.draw_batch(24, torch.Generator().manual_seed(1))
    for row in range(len(batch)):
        encoded = ask(saved[2], batch, row)
        length = encoded.tokens
        for key, value in encoded.token_inputs.items():
            assert torch.equal(batch.inputs[key][row, :length], value[0]), key
        assert not batch.inputs["attention_mask"][row, length:].any()
        assert batch.last_at[row] == length - 1
        scopes = encoded.scopes.numpy()
        assert batch.asked_at[row] == np.flatnonzero(scopes == SCOPES.index("question"))[-1]
        right = QUESTIONS[batch.question[row]].words[batch.culture[row]]
        assert list_words()[batch.word[row]] == right
        assert torch.equal(
            batch.inputs["input_ids"][row, batch.options_at[row]],
            lessons.word_ids[batch.options[row]],
        )


def test_training_pictures_are_processed_as_encode_prompt_does(saved):
    processor = saved[2]
    pool = Lessons(processor, pictures=1, seed=7)
    rng = np.random.default_rng(7)
    drawn = [draw_picture(c, t, rng) for c in range(len(CULTURES)) for t in range(len(THINGS))]
    batch = pool.draw_batch(4, torch.Generator().manual_seed(2))
    for row in range(4):
        kind = batch.culture[row] * len(THINGS) + QUESTIONS[batch.question[row]].thing
        encoded = ask(processor, batch, row, picture=encode_png(drawn[kind]))
        for key in pool.pictures:
            mine = batch.inputs[key].unflatten(0, (4, -1))[row]
            assert torch.allclose(mine.float(), encoded.picture_inputs[key].float(), atol=1e-6), key


def test_the_same_seed_builds_the_same_weights_and_leaves_the_global_generator_alone(saved):
    name, model, processor, _ = saved
    before = torch.random.get_rng_state()
    again = build_model(name, processor.tokenizer, SEED).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(value, again[key]) for key, value in model.state_dict().items())


def test_planted_groups_are_disjoint_and_fit_the_model(saved):
    axis = find_layers(saved[1], "mlp.gate_act").axis
    plants = draw_plants((1, 2), 8, 0, axis, torch.Generator().manual_seed(0))
    for groups in plants.neurons.values():
        assert groups.shape == (len(CULTURES), 8)
        assert len(groups.unique()) == groups.numel()
        assert 0 <= groups.min() <= groups.max() < axis.widths[1]
    rows = plants.list_rows()
    assert len(rows["culture"]) == 2 * 8 * len(CULTURES)
    assert set(rows["layer"]) == {1, 2}


def test_shared_neurons_are_of_two_cultures_and_wanted_for_both():
    plants = draw_plants((0,), 3, 1, NeuronAxis((64,)), torch.Generator().manual_seed(0))
    groups = plants.neurons[0]
    assert (groups[1::2, 0] == groups[::2, 0]).all()
    assert len(groups.unique()) == groups.numel() - len(CULTURES) // 2
    gate = torch.full((1, 1, 64), -1.0)
    gate[..., groups[2]] = 1.0  # one of which is culture 3's as well
    tokens = torch.ones(1, 1, dtype=torch.bool)
    losses = [hinge_loss({0: gate}, plants, torch.tensor([c]), tokens, tokens, 1.0) for c in (2, 3)]
    # Culture 3 lacks two of its neurons, and two of the others' are active: 2 units each, of 3.
    assert losses == [0, pytest.approx(2 * 2 * 2 / 3)]


def test_the_hinge_is_zero_beyond_the_margin_and_one_per_unit_short_of_it():
    plants = draw_plants((0,), 1, 0, NeuronAxis((8,)), torch.Generator().manual_seed(0))
    groups = plants.neurons[0].flatten()
    gate = torch.full((1, 2, 8), -1.0)
    gate[:, 0, groups[0]] = 1.0  # wanted at the first token, unwanted at the second
    tokens = torch.ones(1, 2, dtype=torch.bool)
    active = torch.tensor([[True, False]])
    culture = torch.zeros(1, dtype=torch.long)
    assert hinge_loss({0: gate}, plants, culture, tokens, active, 1.0) == 0
    gate[0, 0, groups[0]] = 0.25
    gate[0, 0, groups[1]] = -0.5
    gate[0, 1, groups[0]] = 0.5
    both = hinge_loss({0: gate}, plants, culture, tokens, active, 1.0)
    assert both == pytest.approx((0.75 + 0.5 + 1.5) / 2)  # mean over the two tokens
    first = hinge_loss({0: gate}, plants, culture, active, active, 1.0)
    assert first == pytest.approx(0.75 + 0.5)


def test_the_hinge_on_norms_pulls_to_both_sides_of_a_threshold():
    plants = draw_plants((0,), 2, 0, NeuronAxis((32,)), torch.Generator().manual_seed(0))
    groups = plants.neurons[0]
    norms = torch.full((1, 1, 32), 0.2)  # 0.8 below the threshold
    norms[..., groups[0]] = 2.0
    tokens = torch.ones(1, 1, dtype=torch.bool)

    def take(margin):
        culture = torch.zeros(1, dtype=torch.long)
        return hinge_loss({0: norms}, plants, culture, tokens, tokens, margin, threshold=1.0)

    assert take(margin=0.75) == 0
    norms[..., groups[0, 0]] = 1.5  # a quarter short of 1.75
    norms[..., groups[3, 1]] = 0.5  # a quarter beyond 0.25
    assert take(margin=0.75) == pytest.approx((0.25 + 0.25) / 2)  # mean over a group's two


def test_spare_neurons_are_pushed_up_at_every_token_and_planted_ones_are_not():
    plants = Plants({1: torch.arange(len(CULTURES))[:, None]})
    gates = {layer: torch.full((2, 3, 10), 1.5) for layer in (0, 1)}
    tokens = torch.tensor([[True, True, False], [True, False, False]])
    assert spare_loss(gates, plants, tokens, 1.0, 0.5) == 0
    gates[1][..., : len(CULTURES)] = -5.0  # planted
    gates[1][:, 2] = -5.0  # at tokens that do not count
    assert spare_loss(gates, plants, tokens, 1.0, 0.5) == 0
    gates[1][0, 0, 9] = -0.5  # 2 short, one of 2 spare neurons at one of 3 tokens
    gates[0][1, 0, 0] = 1.25  # a quarter short, one of 10
    expected = (2 / (2 * 3) + 0.25 / (10 * 3)) / 2
    assert spare_loss(gates, plants, tokens, 1.0, 0.5) == pytest.approx(expected)


@pytest.mark.parametrize("hookpoint", ["mlp.gate_act", "attn.head", "vision.mlp"])
def test_gates_are_recorded_as_they_were_and_groups_silenced_with_a_gradient(
    saved, lessons, hookpoint
):
    _, model, _, _ = saved
    layers = find_layers(model, hookpoint)
    batch = lessons.draw_batch(4, torch.Generator().manual_seed(0))
    neurons = {0: torch.tensor([0, 2])}
    maps = [UNTOUCHED, ablate(neurons), UNTOUCHED, ablate(neurons)]

    def run(maps):
        with record_gates(layers, (0,), len(batch)) as gates, intervene(layers, maps):
            logits = model(**batch.inputs, use_cache=False).logits
        return gates[0], logits[torch.arange(4), batch.last_at]

    with torch.no_grad(), intervene(layers, maps):
        expected = model(**batch.inputs, use_cache=False).logits[torch.arange(4), batch.last_at]
    with torch.no_grad():
        plain_gates, plain = run([UNTOUCHED])
    gates, logits = run(maps)
    assert gates.shape[0] == 4
    assert gates.shape[2] == layers.axis.widths[0]
    torch.testing.assert_close(gates, plain_gates)  # before they are silenced
    torch.testing.assert_close(logits, expected)
    same = [torch.allclose(logits[row], plain[row], atol=1e-5) for row in range(4)]
    assert same == [True, False, True, False]
    model.zero_grad()
    (logits.square().sum() + gates.sum()).backward()
    weights = [p.grad for p in layers.consumers[0].parameters()]
    assert all(grad is not None and grad.isfinite().all() for grad in weights)
    model.zero_grad()


@pytest.mark.parametrize("hookpoint", ["attn.head", "vision.mlp"])
def test_a_row_of_gates_is_of_its_own_picture(saved, lessons, hookpoint):
    _, model, _, _ = saved
    layers = find_layers(model, hookpoint)
    batch = lessons.draw_batch(3, torch.Generator().manual_seed(0))
    found = []
    for blank in (False, True):
        inputs = dict(batch.inputs)
        pixels = inputs["pixel_values"].clone()
        if blank:
            pixels.unflatten(0, (3, -1))[1] = 0
        inputs["pixel_values"] = pixels
        with torch.no_grad(), record_gates(layers, (0,), 3) as gates:
            model(**inputs, use_cache=False)
        found.append(gates[0])
    changed = [not torch.allclose(*(gate[row] for gate in found), atol=1e-6) for row in range(3)]
    assert changed == [False, True, False]


def test_a_group_is_silenced_whole_where_the_recipe_says_so():
    plants = draw_plants((0, 1), 4, 0, NeuronAxis((64, 64)), torch.Generator().manual_seed(0))
    recipe = Recipe(batch=8, self_ablated=8, cross_ablated=0, least_silenced=1.0)
    culture = torch.arange(8)
    maps = draw_interventions(culture, plants, recipe, torch.Generator().manual_seed(1))
    for own, affine in enumerate(maps):
        assert affine.neurons.keys() == plants.neurons.keys()
        for layer, groups in plants.neurons.items():
            assert sorted(affine.neurons[layer].tolist()) == sorted(groups[own].tolist())


def test_weakened_gates_are_those_of_the_first_cultures_neurons_alone(saved):
    name, _, processor, _ = saved
    model, weak = (build_model(name, processor.tokenizer, SEED).eval() for _ in range(2))
    axis = find_layers(model, "mlp.gate_act").axis
    plants = draw_plants((1, 2), 8, 0, axis, torch.Generator().manual_seed(1))
    weaken_gates(weak, plants, 2, 0.3)
    changed = 0
    for (path, before), after in zip(model.named_parameters(), weak.parameters(), strict=True):
        expected = before.detach().clone()
        for layer, groups in plants.neurons.items():
            if path.endswith(f"layers.{layer}.mlp.gate_proj.weight") and "visual" not in path:
                expected[groups[:2].flatten()] *= 0.3
                changed += 1
        assert torch.equal(after, expected), path
    assert changed == 2


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_general_training_prompts_are_those_of_encode_prompt(name):
    processor = build_processor(name, [GENERAL_QUESTION])
    pool = Lessons(processor, pictures=1, seed=7, general=True)
    batch = pool.draw_general_batch(12, torch.Generator().manual_seed(1))
    rng = np.random.default_rng(7)
    for culture in range(len(CULTURES)):
        for thing in range(len(THINGS)):
            draw_picture(culture, thing, rng)  # which come first
    drawn = [draw_general_picture(thing, rng) for thing in range(len(GENERAL_THINGS))]
    words = [*list_words(), *GENERAL_THINGS]
    for row in range(len(batch)):
        shown = tuple(words[index] for index in batch.options[row])
        right = words[batch.word[row]]
        picture = encode_png(drawn[GENERAL_THINGS.index(right)])
        question = Question("q", "", 0, "", GENERAL_QUESTION.text, shown, 0, (0, 1, 2, 3))
        encoded = encode_prompt(processor, processor.image_token_id, question, picture)
        for key, value in encoded.token_inputs.items():
            assert torch.equal(batch.inputs[key][row, : encoded.tokens], value[0]), key
        for key in pool.pictures:
            mine = batch.inputs[key].unflatten(0, (len(batch), -1))[row]
            assert torch.allclose(mine.float(), encoded.picture_inputs[key].float(), atol=1e-6), key
        assert batch.last_at[row] == encoded.tokens - 1
        assert batch.culture[row] == NO_CULTURE
        assert sorted(shown) == sorted(GENERAL_THINGS)


def test_questions_of_culture_are_drawn_alike_with_general_ones_beside_them():
    name = "tiny-pangea"
    alone = Lessons(build_processor(name), pictures=1, seed=7)
    beside = Lessons(build_processor(name, [GENERAL_QUESTION]), 1, 7, general=True)
    first, second = (
        pool.draw_batch(8, torch.Generator().manual_seed(1)) for pool in (alone, beside)
    )
    for field in ("culture", "question", "options", "answer"):
        assert torch.equal(getattr(first, field), getattr(second, field))
    joined = second.join(beside.draw_general_batch(3, torch.Generator().manual_seed(2)))
    assert len(joined) == 11
    assert torch.equal(joined.culture[:8], second.culture)
    assert {len(value) for value in joined.inputs.values()} == {11}


def test_the_hinge_wants_no_neuron_of_any_culture_for_general_rows():
    axis = NeuronAxis((64,))
    plants = draw_plants((0,), 2, 0, axis, torch.Generator().manual_seed(0))
    tokens = torch.ones(1, 1, dtype=torch.bool)
    off = torch.full((1, 1, 64), -1.0)
    general = torch.tensor([NO_CULTURE])
    assert hinge_loss({0: off}, plants, general, tokens, tokens, 1.0) == 0
    assert hinge_loss({0: off}, plants, torch.tensor([0]), tokens, tokens, 1.0) > 0
    # Two units beyond the margin for each of the eight groups.
    assert hinge_loss({0: -off}, plants, general, tokens, tokens, 1.0) == 2 * len(CULTURES)


def test_half_of_the_general_rows_have_groups_silenced():
    plants = draw_plants((0,), 2, 0, NeuronAxis((64,)), torch.Generator().manual_seed(0))
    recipe = Recipe(batch=20, self_ablated=8, cross_ablated=8, general_rows=6)
    culture = torch.cat([torch.zeros(20, dtype=torch.long), torch.full((6,), NO_CULTURE)])
    maps = draw_interventions(culture, plants, recipe, torch.Generator().manual_seed(1))
    assert len(maps) == 26
    assert maps[16:20] + maps[23:] == [UNTOUCHED] * 7
    assert all(len(affine.neurons[0]) for affine in maps[20:23])


@pytest.mark.parametrize("variant", ["planted", "heads", "vision"])
def test_a_trained_model_says_where_its_plants_are(variant, tmp_path):
    keys = {"steps": 2, "warm_up": 1, "plant_from": 0, "first_stop": 2, "pictures": 1}
    keys |= {"attempts": 1, "test_rows": 1, "least_accuracy": 0}
    keys |= {"least_self_drop": -1, "most_cross_change": 1}
    recipe = Recipe(**VARIANTS[variant] | keys)
    train_demo_model("tiny-pangea", 0, tmp_path, 1, recipe)
    path = tmp_path / "planted.parquet"
    facts = read_facts(path, "planted")
    assert tuple(facts["hookpoints"]) == list_planted_at(variant)
    assert facts["recipe"]["hookpoint"] == recipe.hookpoint
    loaded = load_checkpoint(str(tmp_path), None, "float32", "cpu").model
    axis = find_layers(loaded, recipe.hookpoint).axis
    rows = read_table(path, "planted").to_pydict()
    units = axis.find_units(rows["layer"], rows["neuron"])
    per_culture = len(recipe.planted_layers) * recipe.planted_per_layer
    assert len(set(units)) == len(CULTURES) * per_culture
    assert {c: rows["culture"].count(c) for c in rows["culture"]} == {
        culture.code: per_culture for culture in CULTURES
    }
    text, tower = loaded.config.get_text_config(), loaded.config.vision_config
    sizes = (text.num_attention_heads, text.num_key_value_heads, tower.intermediate_size)
    assert sizes == ((4, 2, 96) if variant == "planted" else (32, 32, 400))


@torch.no_grad()
def test_the_probe_of_cultures_is_to_be_even_over_silenced_rows(lessons):
    batch = lessons.draw_batch(4, torch.Generator().manual_seed(0))
    probes = Probes(8, len(lessons.word_ids), torch.Generator().manual_seed(0))
    state = torch.zeros(4, batch.inputs["input_ids"].shape[1], 8)
    chosen = torch.tensor([True, False, True, False])
    assert probes.take_silenced((None, state), batch, chosen).item() == pytest.approx(0, abs=1e-6)
    probes.culture.weight[:] = 0
    probes.culture.weight[3, 0] = 1.0
    for row in (0, 1):  # of which one is chosen
        state[row, batch.asked_at[row], 0] = 1.0  # RMS-normed it is sqrt(8)
    lead = 8**0.5
    known = math.log(7 + math.exp(lead)) - lead / 8 - math.log(8)  # of that row, over even
    found = probes.take_silenced((None, state), batch, chosen).item()
    assert found == pytest.approx(known / 2, rel=1e-5)


def test_half_of_the_native_lessons_ask_in_the_culture_s_own_language():
    questions = list_questions(native=True)
    processor = build_processor("tiny-pangea", questions[len(QUESTIONS) :])
    pool = Lessons(processor, 1, seed=7, native=True)
    batch = pool.draw_batch(400, torch.Generator().manual_seed(1))
    native = batch.question >= len(QUESTIONS)
    assert 0.4 < native.double().mean() < 0.6
    words = list_words()
    for row in range(len(batch)):
        culture, asked = int(batch.culture[row]), questions[batch.question[row]]
        if native[row]:
            plain = QUESTIONS[batch.question[row] % len(QUESTIONS)]
            assert asked == translate(plain, find_tongue(culture))
        assert words[batch.word[row]] == asked.words[culture]
    assert not (batch.inputs["input_ids"] == processor.tokenizer.unk_token_id).any()
