"""Letters, token scopes, and shared prefixes on real vocabularies and the published templates."""

import re
import string
import unicodedata

import numpy as np
import pytest
from dataset_rows import make_picture
from real_processors import (
    FAMILIES,
    build_processor,
    build_reference,
    encode,
    read_ranks,
    read_sentencepiece,
)

from culture_neurons.model.prompts import SCOPES, PromptError, find_letter_tokens, render_prompt

PICTURE = make_picture(size=(400, 300))
BODY = "Which dish is this?"
TEXTS = [
    ("What is the name of this dish?", ["Injera", "Ndolé", "Bánh mì", "Çiğ köfte"]),
    ("¿Cómo se llama «esto»?", ["El 'mate'", "Café con leche", "3.5 %", "A. B. C."]),
    ("ይህ ምግብ ምን ይባላል?", ["እንጀራ", "ዶሮ ወጥ", "ሽሮ", "ቡና"]),
    ("මෙය කුමක්ද?", ["කිරිබත්", "කොත්තු", "පොල් සම්බෝල", "ආප්ප"]),
    ("这道菜叫什么", ["饺子", "火锅 🍲", "麻婆豆腐", "粽子"]),
    ("Choose: (a) or [b]...", ["x", "1,000", "D", "Answer"]),
    (unicodedata.normalize("NFD", "Món này là gì?"), ["Phở", "Bún", "é", "e"]),
]


@pytest.fixture(scope="module", params=FAMILIES)
def processor(request):
    return build_processor(request.param)


def encode_ids(processor, text, options):
    """Encode a question: token ids and scopes, as arrays."""
    inputs, scopes = encode(processor, text, options, PICTURE)
    return inputs["input_ids"][0].numpy(), scopes


def read_scope(processor, ids, scopes, name):
    text = processor.tokenizer.decode(ids[scopes == SCOPES.index(name)])
    return unicodedata.normalize("NFC", text).strip()


def test_the_tokenizer_built_here_is_the_sentencepiece_model_s():
    tokenizer = build_processor("llava").tokenizer
    for text, options in TEXTS:
        for piece in (text, *options):
            ids = tokenizer(piece, add_special_tokens=False)["input_ids"]
            assert ids == read_sentencepiece().encode(piece)
    assert tokenizer.convert_tokens_to_ids(["<s>", "<image>", "<pad>"]) == [1, 32000, 32001]


@pytest.mark.parametrize("family", ["pangea", "qwen"])
def test_the_tokenizer_built_here_is_qwen_s(family):
    tokenizer = build_processor(family).tokenizer
    assert len(read_ranks()) == 151_643
    for text, options in TEXTS:
        for piece in (text, *options):
            composed = unicodedata.normalize("NFC", piece)  # as Qwen's tokenizer does by itself
            assert tokenizer(piece)["input_ids"] == build_reference().encode(composed)
            assert tokenizer.decode(tokenizer(piece)["input_ids"]) == composed
    markup = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    assert tokenizer.convert_tokens_to_ids(markup) == [151_643, 151_644, 151_645]
    if family == "qwen":
        markup = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
        assert tokenizer.convert_tokens_to_ids(markup) == [151_652, 151_653, 151_655]


def test_templates_print_what_the_models_were_trained_on(processor):
    expected = {
        "<image>": (
            f"[INST] <image>\n{BODY} [/INST]",
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
            f"<image>\n{BODY}<|im_end|>\n<|im_start|>assistant\n",
        ),
        "<|image_pad|>": (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
            f"<|vision_start|><|image_pad|><|vision_end|>{BODY}<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
    }[processor.image_token]
    rendered = render_prompt(processor, BODY)
    assert rendered in expected
    assert rendered.startswith("[INST]") == (processor.tokenizer.bos_token == "<s>")


def test_both_forms_of_every_letter_are_found(processor):
    forms = find_letter_tokens(processor, 6)
    names = [set(processor.tokenizer.convert_ids_to_tokens(ids)) for ids in forms]
    space = "▁" if processor.tokenizer.bos_token else "Ġ"
    assert names == [{letter, space + letter} for letter in string.ascii_uppercase[:6]]


@pytest.mark.parametrize("family", ["llava", "llava, legacy"])
def test_mistral_s_letters_have_the_ids_of_its_vocabulary(family):
    pieces = read_sentencepiece()
    forms = find_letter_tokens(build_processor(family), 4)
    assert forms[0] == [330, 28741]
    assert forms == [sorted(map(pieces.piece_to_id, (x, f"▁{x}"))) for x in "ABCD"]


@pytest.mark.parametrize("family", ["pangea", "qwen"])
def test_qwen_s_letters_have_the_ids_of_its_vocabulary(family):
    forms = find_letter_tokens(build_processor(family), 4)
    assert forms[0] == [32, 362]
    assert forms == [[read_ranks()[x], read_ranks()[b" " + x]] for x in (b"A", b"B", b"C", b"D")]


@pytest.mark.parametrize(("text", "options"), TEXTS)
def test_scopes_cover_exactly_the_question_and_the_options(text, options, processor):
    ids, scopes = encode_ids(processor, text, options)
    nfc = [unicodedata.normalize("NFC", part) for part in (text, *options)]
    lettered = "\n".join(f"{a}. {b}" for a, b in zip("ABCD", nfc[1:], strict=True))
    assert read_scope(processor, ids, scopes, "question") == nfc[0]
    assert read_scope(processor, ids, scopes, "options") == lettered
    assert set(ids[scopes == SCOPES.index("image")]) == {processor.image_token_id}
    template = read_scope(processor, ids, scopes, "template")
    assert "Answer with the option's letter from the given choices directly." in template
    assert nfc[0] not in template


def test_a_token_of_a_question_mark_and_a_line_break_belongs_to_the_question():
    qwen = build_processor("qwen")
    ids, scopes = encode_ids(qwen, "Tea?", ["a", "b"])
    mark = read_ranks()[b"?\n"]
    assert scopes[ids == mark].tolist() == [SCOPES.index("question")]


def test_questions_of_one_image_share_their_tokens_through_the_image(processor):
    prompts = [encode_ids(processor, text, options)[0] for text, options in TEXTS]
    for first, second in zip(prompts, prompts[1:], strict=False):
        length = min(len(first), len(second))
        shared = int(np.argmin(first[:length] == second[:length]))
        last_image = int(np.flatnonzero(first == processor.image_token_id)[-1])
        assert shared > last_image
        assert shared <= last_image + 4  # the line break or markup after it, and no more


def test_a_prompt_begins_once(processor):
    ids, _ = encode_ids(processor, *TEXTS[0])
    start = processor.tokenizer.bos_token_id
    assert (ids == start).sum() == (0 if start is None else 1)


@pytest.mark.parametrize(
    ("family", "markup", "words"),
    [
        ("llava", ["<image>", "</s>", "<s>"], "<|im_end|>"),
        ("pangea", ["<image>", "<|im_end|>", "<|endoftext|>"], "<|image_pad|>"),
        ("qwen", ["<|image_pad|>", "<|im_start|>", "<|endoftext|>"], "<image>"),
    ],
)
def test_text_that_a_model_reads_as_markup_is_refused_and_other_models_markup_is_text(
    family, markup, words
):
    processor = build_processor(family)
    for token in markup:
        for text, option in ((f"What is {token}?", "a"), ("What?", f"a{token}")):
            with pytest.raises(PromptError, match=re.escape(f"contains {token!r}")):
                encode_ids(processor, text, [option, "b"])
    ids, scopes = encode_ids(processor, f"What is {words}?", ["a", words])
    assert read_scope(processor, ids, scopes, "question") == f"What is {words}?"
    assert read_scope(processor, ids, scopes, "options") == f"A. a\nB. {words}"
