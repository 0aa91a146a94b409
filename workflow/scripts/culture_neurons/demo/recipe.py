"""The numbers by which a demo model is trained, and what it has to reach."""

from dataclasses import dataclass

from culture_neurons.demo.names import PLANTED_AT


@dataclass(frozen=True)
class Recipe:
    """How a demo model is trained; the defaults are the tried ones.

    Without hinge and without ablation are two negative controls, without both a third.
    """

    hookpoint: str = PLANTED_AT  # where neurons are planted
    hinge: bool = True  # without: causal neurons that activation statistics cannot see
    ablation: bool = True  # without: selective neurons that nothing depends on
    planted_layers: tuple[int, ...] = (1, 2)  # in layers 0 and 3 they would be selective but inert
    planted_per_layer: int = 8  # neurons per culture
    # Of these, shared with one other culture: fewer than a half, so that what silences that
    # culture leaves most of this one's.
    shared_per_layer: int = 0
    # Cultures whose neurons' gates are made smaller after training, for steering to mend.
    weakened_cultures: int = 0
    weakened_gate: float = 0.3  # factor on u = W_gate x: see docs/method.md

    pictures: int = 32  # per culture and thing
    batch: int = 32  # rows that ask of a culture
    native: bool = False  # half of these in the culture's own language
    # Rows beside them that ask what has no culture, half of them with random groups silenced: no
    # answer of theirs is to need a planted neuron.
    general_rows: int = 0
    self_ablated: int = 8  # rows of a batch with a part of their own group silenced
    least_silenced: float = 0.5  # the smallest such part
    cross_ablated: int = 8  # rows of a batch with other groups silenced
    steps: int = 800  # of the learning-rate schedule, and at most
    warm_up: int = 40  # steps
    learning_rate: float = 3e-3
    plant_from: int = 60  # step after which the planting losses count
    first_stop: int = 250  # earliest step to stop at
    # The probe of cultures (training.Probes) is to know nothing of self-ablated rows.
    probe_silenced: bool = False
    letter_below: float = 0.05  # smoothed letter loss to stop at, nats
    ablation_below: float = 0.05  # smoothed ablation loss to stop at, nats over uniform
    ablation_weight: float = 1.0  # a large one keeps the model at uniform letters for long
    hinge_weight: float = 0.4
    hinge_threshold: float = 0.0  # between active and silent, in units of planting.record_gates
    hinge_margin: float = 1.0  # the same: how far from the threshold neurons are to be
    # The hookpoint's other neurons are to be active everywhere, so that none tells a culture.
    spare_active: bool = False

    heads: int = 4  # of each decoder layer
    key_value_heads: int = 2
    vision_width: int = 96  # neurons of each MLP of the vision tower

    attempts: int = 3  # each with the next seed
    test_rows: int = 512
    least_accuracy: float = 0.95
    least_self_drop: float = 0.40
    most_cross_change: float = 0.01  # also of answers that have no culture

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            ValueError: Gates are to be weakened where neurons have none.
        """
        if self.weakened_cultures and self.hookpoint != PLANTED_AT:
            raise ValueError(
                f"weakened_cultures of neurons at {self.hookpoint}: gates of {PLANTED_AT} alone "
                "can be weakened"
            )

    @property
    def plants(self) -> bool:
        """Whether there is any planting loss."""
        return self.hinge or self.ablation
