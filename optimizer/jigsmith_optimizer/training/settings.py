"""How to train. What is in here decides the outcome together with the tasks and the models, and is kept in the journal."""

from dataclasses import dataclass
from typing import Final, Literal

from jigsmith_optimizer.acceptance import ALPHA, TARGET_GAIN
from jigsmith_optimizer.proposer import ACTIONS_MAX, FUNCTIONS_MAX

AlgorithmName = Literal["trusted", "agent-optimizer"]
ALGORITHMS: Final[tuple[AlgorithmName, ...]] = ("trusted", "agent-optimizer")


_COUNT_ACCEPTED_REFUSED: Final = (
    "--count-accepted needs --algorithm agent-optimizer: trusted training divides its error among its epochs, and proposals "
    "that are rolled back without being counted would have no share of it"
)


class SettingsError(Exception):
    """Settings that contradict each other; the message says which."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The defaults are the paper's where the paper names one (section 4.1: E = C = 10, three actions)."""

    run: str
    algorithm: AlgorithmName = "trusted"
    epochs: int = 10
    """Measured sets at most, the baseline included."""
    patience: int = 10
    """Stop after so many roll-backs in a row."""
    actions: int = ACTIONS_MAX
    """Of one proposal, at most."""
    functions: int = FUNCTIONS_MAX
    """In a set, at most."""
    seed: int = 0
    owner: str = ""
    """The person who started the run: the runtime lets them approve nothing that comes of it."""
    count_epochs: Literal["all", "accepted"] = "all"
    """Whether a proposal that was rolled back counts as an epoch. As printed, Algorithm 2 counts accepted ones only."""
    alpha: float = ALPHA
    """Trusted: the chance that a run accepts any candidate that is no better, at most."""
    target_gain: float = TARGET_GAIN
    """Trusted: the gain, as a share of tasks, that is worth finding."""
    screen: int = 20
    """Trusted: tasks of D_train on which a candidate must do better before it costs a rollout on D_val."""
    repeats: bool = True
    """Trusted: whether validation tasks may be rolled out a second time where chance moves the agent."""

    def __post_init__(self) -> None:
        """Refuse what cannot be kept. Raises SettingsError."""
        if self.algorithm == "trusted" and self.count_epochs == "accepted":
            raise SettingsError(_COUNT_ACCEPTED_REFUSED)
