"""Training: how a function set is learned, by the paper's algorithm or by one whose verdicts can be trusted."""

from jigsmith_optimizer.training.epoch import Epoch, EpochVerdict, Observer, Training
from jigsmith_optimizer.training.faithful import FaithfulTrainer
from jigsmith_optimizer.training.plan import TooFewTasksError, check_tasks
from jigsmith_optimizer.training.settings import ALGORITHMS, AlgorithmName, Settings, SettingsError
from jigsmith_optimizer.training.trusted import TrustedTrainer

__all__ = [
    "ALGORITHMS", "AlgorithmName", "Epoch", "EpochVerdict", "FaithfulTrainer", "Observer", "Settings",
    "SettingsError", "TooFewTasksError", "Training", "TrustedTrainer", "check_tasks",
]  # fmt: skip
