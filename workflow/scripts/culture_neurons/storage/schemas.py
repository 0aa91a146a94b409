"""Columns of every table: names, types, units."""

import pyarrow as pa

_TEXT = pa.struct(
    [("prompt", pa.string()), ("question", pa.string()), ("options", pa.list_(pa.string()))]
)


_IDENTITY = [("culture", pa.string()), ("layer", pa.uint16()), ("neuron", pa.uint32())]


_MASK = [  # whose mask: see neurons.MaskName. All are null of the unmodified model.
    ("mask_culture", pa.string()),
    ("draw", pa.uint32()),
    ("strength", pa.float64()),  # of steering; null elsewhere
]
_RESPONSE = [
    ("question_id", pa.string()),
    ("predicted", pa.uint8()),  # index into the question's options, not into the shown letters
    ("correct", pa.bool_()),
    ("option_logprobs", pa.list_(pa.float32())),  # in the order of the question's options
    ("non_letter_mass", pa.float32()),  # probability on tokens that are no option letter
]


_INTERVAL = [("ci_low", pa.float64()), ("ci_high", pa.float64())]


_OUTCOME = ("outcome", pa.string())  # accuracy, a fraction | logp, nats: see outcomes.py


_SHARED = [  # two masks of one culture
    ("first", pa.uint32()),  # neurons
    ("second", pa.uint32()),
    ("shared", pa.uint32()),
    ("overlap", pa.float64()),  # Jaccard index; null for two empty masks
    ("chance", pa.float64()),  # of random masks of these sizes: expected shared / expected all
]


_COLLAPSE = [  # means of what tells a broken model from a lost culture
    ("non_letter_mass_change", pa.float64()),
    ("letter_entropy_change", pa.float64()),  # of the largest entropy, 0 to 1
]
EXCHANGED = "exchanged"  # in table ranks, as a control: the masks of the other cultures
# In table doses: the scorer's masks beside controls, and groups, of which no culture's code can be.
OWN, ALL_CULTURES, LOWER_HALF = "own", "all cultures", "lower half"

SCHEMAS: dict[str, pa.Schema] = {
    kind: pa.schema(fields)
    for kind, fields in {
        "questions": [
            ("question_id", pa.string()),
            ("image_id", pa.string()),
            ("culture", pa.string()),
            ("subset", pa.string()),
            ("language", pa.string()),
            ("category", pa.string()),
            ("texts", pa.list_(_TEXT)),  # one entry per prompt of the config (english, native ...)
            ("answer", pa.uint8()),
            ("fold", pa.uint8()),
        ],
        "images": [
            ("image_id", pa.string()),
            ("bytes", pa.binary()),  # as delivered, never re-encoded
            ("width", pa.uint32()),  # as shown: after EXIF rotation
            ("height", pa.uint32()),
            ("sha256", pa.string()),
            (
                "note",
                pa.string(),
            ),  # what decoding alters: "first of 3 frames"; "" if nothing
        ],
        "rejected": [
            ("question_id", pa.string()),
            ("reason", pa.string()),
            ("detail", pa.string()),
            ("counted", pa.bool_()),  # against max_rejected; rows that nobody asked for are not
        ],
        # option_order[i] = index of the option shown under letter i
        "answers": [*_RESPONSE, ("option_order", pa.list_(pa.uint8()))],
        # The same questions without seeing their pictures.
        "unseen": [("shown", pa.string()), *_RESPONSE],  # swapped | blind: see read_questions
        "cells": [
            ("culture", pa.string()),
            ("fold", pa.uint8()),
            ("question_id", pa.string()),
            ("used", pa.bool_()),  # makes the statistics, where its fold identifies
            ("reason", pa.string()),  # why a question is not used; "" when it is
            ("asked", pa.bool_()),  # under masks, where its fold evaluates
        ],
        "activations": [
            ("culture", pa.string()),
            ("fold", pa.uint8()),
            ("scope", pa.string()),
            ("questions", pa.uint32()),
            ("tokens", pa.uint64()),  # T
            ("layer", pa.uint16()),
            ("neuron", pa.uint32()),
            ("active", pa.uint32()),  # K
            ("total", pa.float32()),  # S
            ("total_squares", pa.float32()),  # Q
        ],
        "statistics": [
            *_IDENTITY,
            ("tokens", pa.uint64()),
            ("active", pa.uint64()),
            ("total", pa.float64()),
            ("total_squares", pa.float64()),
        ],
        "scores": [*_IDENTITY, ("score", pa.float32()), ("rank", pa.uint32())],
        "masks": [
            ("culture", pa.string()),
            ("draw", pa.uint32()),  # of a control; null: the scorer's own mask
            ("layer", pa.uint16()),
            ("neuron", pa.uint32()),
            ("rank", pa.uint32()),
        ],
        "outcomes": [*_MASK, *_RESPONSE],
        # The same of own cultures' questions, over pictures of other cultures.
        "swapped_outcomes": [*_MASK, *_RESPONSE],
        # Changes of logp on the tune folds, at each strength of steering and at 0, which is none.
        "strengths": [
            *_MASK,
            ("gain", pa.float64()),  # mean over the culture's questions, nats
            ("others", pa.float64()),  # mean over the other cultures; those that gain count as 0
            ("chosen", pa.bool_()),
        ],
        # Effects of steering on the evaluate folds, by strength.
        "doses": [
            ("strength", pa.float64()),  # null: each mask's chosen one
            ("masks", pa.string()),  # OWN | a control
            ("group", pa.string()),  # a culture | ALL_CULTURES | LOWER_HALF: see evaluate/doses.py
            ("cultures", pa.uint32()),  # of the group
            _OUTCOME,
            ("measure", pa.string()),  # as of summaries
            ("before", pa.float64()),  # of the group's questions without a mask
            ("value", pa.float64()),  # of a control the mean over its draws
            *_INTERVAL,  # of these cultures; of a control its lowest and highest draw
            ("rank_p", pa.float64()),  # of the scorer's gain among the control's draws; self alone
            *_COLLAPSE,  # of a control null
            ("broken", pa.uint32()),  # of the scorer's masks, as of summaries
            ("left_out", pa.uint32()),
        ],
        "effects": [
            ("mask_culture", pa.string()),
            ("culture", pa.string()),
            _OUTCOME,
            ("questions", pa.uint32()),
            ("before", pa.float64()),
            ("after", pa.float64()),
            ("delta", pa.float64()),  # after - before
            *_INTERVAL,
            ("correct_to_wrong", pa.uint32()),  # null but for accuracy, as the next two
            ("wrong_to_correct", pa.uint32()),
            ("wrong_to_wrong", pa.uint32()),  # the answer changed, both are wrong
            # Over images: of accuracy exact McNemar's, by the sign of an image's net change; of
            # logp the permutation test that flips the signs of images' changes.
            ("p", pa.float64()),
            ("q", pa.float64()),  # Benjamini-Hochberg: the masks' own cells apart from the others
            ("smallest_drop", pa.float64()),  # that q shows with the stated power
            # Of the culture's own mask, on the same questions over other cultures' pictures.
            ("swapped_before", pa.float64()),
            ("swapped_delta", pa.float64()),
            *_COLLAPSE,
        ],
        "summaries": [
            ("culture", pa.string()),  # null: the mean over cultures
            _OUTCOME,
            # self | cross_by_mask | cross_by_target | gap; of accuracy alone
            # relative_less_swapped | swapped_above_chance: see evaluate/swapped.py
            ("measure", pa.string()),
            ("value", pa.float64()),
            *_INTERVAL,
            *_COLLAPSE,
            # Masks that break the model, and those that means leave out: 0 or 1 of a culture.
            ("broken", pa.uint32()),
            ("left_out", pa.uint32()),
        ],
        "ranks": [
            ("culture", pa.string()),  # null: the mean over cultures
            _OUTCOME,
            ("measure", pa.string()),
            ("control", pa.string()),  # of the config; "exchanged": masks of the other cultures
            ("value", pa.float64()),  # the scorer's, on the questions that the control was asked
            *_INTERVAL,  # of the mean over cultures
            ("draws", pa.uint32()),
            ("control_mean", pa.float64()),
            ("control_low", pa.float64()),  # smallest and largest value over the control's draws
            ("control_high", pa.float64()),
            ("rank_p", pa.float64()),  # null: the gap among masks that know nothing of culture
        ],
        "comparisons": [
            ("first", pa.string()),
            ("second", pa.string()),
            _OUTCOME,
            ("measure", pa.string()),
            ("value", pa.float64()),  # first - second, means over cultures
            *_INTERVAL,
            ("p", pa.float64()),
            ("q", pa.float64()),  # Benjamini-Hochberg over the pairs, per measure
        ],
        "reliability": [
            ("analysis", pa.string()),  # disjoint | nested | layers | scopes | variants
            ("scorer", pa.string()),
            ("setting", pa.string()),  # what differs from the study's own; "" if only the folds do
            ("questions", pa.uint32()),  # per culture, behind the first of the two
            ("draw", pa.uint32()),  # of folds; null: all draws together
            ("rate", pa.float64()),
            ("culture", pa.string()),
            ("layer", pa.uint16()),  # null: all layers
            ("spearman", pa.float64()),  # over the neurons; null where scores do not vary
            *_SHARED,
        ],
        "categories": [
            ("scorer", pa.string()),
            ("category", pa.string()),
            _OUTCOME,
            ("measure", pa.string()),  # as of summaries
            ("questions", pa.uint32()),  # of all cultures
            ("cultures", pa.uint32()),  # that have questions of the category
            ("value", pa.float64()),  # mean over these
            *_INTERVAL,
        ],
        "model_pairs": [
            ("first_model", pa.string()),
            ("second_model", pa.string()),
            ("weights", pa.string()),  # same | other; "not comparable: ..." has no numbers
            ("split", pa.uint32()),
            ("scorer", pa.string()),
            ("rate", pa.float64()),
            ("culture", pa.string()),
            ("spearman", pa.float64()),
            *_SHARED,
        ],
        # Two models of one checkpoint under two prompts: see sensitivity/prompts.py.
        "prompts": [
            ("by", pa.string()),  # all | language | country | culture
            ("name", pa.string()),  # of the language, country, or culture
            ("cultures", pa.uint32()),
            _OUTCOME,  # null of masks
            # answers | answers_other | answers_less_other | self | self_lent | lent_less_self, in
            # the outcome's unit; overlap | overlap_chance, Jaccard; depth | depth_other, 0 to 1
            ("measure", pa.string()),
            ("value", pa.float64()),  # mean over the cultures
            *_INTERVAL,
        ],
        "relations": [  # of cultures: see sensitivity/relations.py
            ("relation", pa.string()),  # same language | same country | both | neither
            ("pairs", pa.uint32()),  # of cultures
            _OUTCOME,  # null of masks
            ("measure", pa.string()),  # overlap | overlap_chance | cross | cross_beyond
            ("value", pa.float64()),  # mean over the pairs
            *_INTERVAL,
        ],
        "planted": _IDENTITY,
        "recovery": [
            ("scorer", pa.string()),
            ("culture", pa.string()),
            ("planted", pa.uint32()),
            ("selected", pa.uint32()),
            ("hits", pa.uint32()),
            ("shared", pa.uint32()),  # planted ones that another culture has as well
            ("shared_hits", pa.uint32()),
        ],
    }.items()
}
