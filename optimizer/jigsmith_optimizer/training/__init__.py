"""Training: how a function set is learned, by the paper's algorithm or by one whose verdicts can be trusted."""

from jigsmith_optimizer.training.epoch import Epoch, EpochVerdict, Observer, Training
from jigsmith_optimizer.training.faithful import FaithfulTrainer
from jigsmith_optimizer.training.settings import ALGORITHMS, AlgorithmName, Settings
from jigsmith_optimizer.training.trusted import TooFewTasksError, TrustedTrainer

__all__ = [
    "ALGORITHMS", "AlgorithmName", "Epoch", "EpochVerdict", "FaithfulTrainer", "Observer", "Settings", "TooFewTasksError",
    "Training", "TrustedTrainer",
]  # fmt: skip
