"""The logits of the token that follows each row: read at its last token, for every model class."""

import inspect
from collections.abc import Mapping

import torch
from torch import Tensor


class LogitsError(Exception):
    """Logits that are not those of the next token."""


def run_to_logits(model: torch.nn.Module, inputs: Mapping[str, object], last: Tensor) -> Tensor:
    """Run a model; return the logits after the tokens at `last`, (rows, n, vocabulary).

    A class whose forward takes `logits_to_keep` computes them there alone. Others compute the
    logits of every token (or swallow the argument), of which these are taken.

    Args:
        model: The model.
        inputs: Of its forward; `input_ids` are (rows, tokens).
        last: (rows, n) positions.

    Raises:
        LogitsError: The logits are neither those of `last` nor one for each token.
    """
    keeps = "logits_to_keep" in inspect.signature(model.forward).parameters
    logits = model(**inputs, **({"logits_to_keep": last} if keeps else {})).logits
    rows, tokens = inputs["input_ids"].shape
    if not keeps and logits.shape[:2] == (rows, tokens):
        logits = logits.take_along_dim(last[..., None], dim=1)
    if logits.shape[:2] != last.shape:
        raise LogitsError(
            f"{type(model).__name__}: logits are {tuple(logits.shape)} for {rows} rows of {tokens} "
            f"tokens; expected {tuple(last.shape)} or {(rows, tokens)} and the vocabulary: this "
            "architecture cannot be used"
        )
    return logits
