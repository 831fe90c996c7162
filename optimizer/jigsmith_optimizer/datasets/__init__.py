"""Tasks to train and test on: one's own JSON lines, and generated word problems."""

from jigsmith_optimizer.datasets.jsonl import DatasetError, Task, load

__all__ = ["DatasetError", "Task", "load"]
