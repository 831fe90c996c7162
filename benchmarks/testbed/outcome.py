"""What a contender's training came to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """One training, judged on the sealed test."""

    test_loss: float
    """The share of test tasks failed with what the contender is left with."""
    functions: tuple[str, ...]
    """What the agent is then offered."""
    requests: int
    """To the model, for training; those of the sealed test come on top and are the same few for all."""
    proposals: int
    misbound: int | None = None
    """Functions that run another one's code; None where nobody looked, because each call names its version."""
    proposals_lost: int = 0
    """Proposals that made the contender's own code crash."""
