"""Grading: whether an agent's answer solves its task. What would have to be evaluated is, in a sandbox of the runtime."""

from jigsmith_optimizer.grading.answers import answer_in
from jigsmith_optimizer.grading.graders import Graders, GradingError

__all__ = ["Graders", "GradingError", "answer_in"]
