"""How a model can be run exactly: what is tried once (trial.py), and obeyed by every later job."""

from typing import NamedTuple

from culture_neurons.engine.batches import TokenBudget


class Way(NamedTuple):
    """How a model is run: a fact of its answers."""

    share: bool  # questions of one picture share its prefix
    keep: bool  # and masks that act behind the picture share it too
    batch: bool  # prompts with different pictures go together
    blind: bool  # the unmodified model can be asked without a picture

    def limit(self, tokens: int) -> TokenBudget:
        """Make the budget of passes: of one prompt each where prompts are not batched."""
        return TokenBudget(tokens if self.batch else 1)


EVERY_WAY = Way(share=True, keep=True, batch=True, blind=True)
