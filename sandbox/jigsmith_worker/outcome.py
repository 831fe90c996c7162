"""What happened to a run, in one vocabulary for child and host."""

from enum import Enum
from typing import Final

MESSAGE_CHARS_MAX: Final = 4_096
TRACEBACK_CHARS_MAX: Final = 16_384


class OutcomeKind(Enum):
    """How a run ended, from the function's point of view."""

    RETURNED = "RETURNED"
    RAISED = "RAISED"
    REFUSED = "REFUSED"  # the policy gate, again at load
    TIME_LIMIT = "TIME_LIMIT"
    MEMORY_LIMIT = "MEMORY_LIMIT"
    PROCESS_LIMIT = "PROCESS_LIMIT"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    RESULT_LIMIT = "RESULT_LIMIT"
    DIED = "DIED"
    NOT_SERIALIZABLE = "NOT_SERIALIZABLE"
    CANCELLED = "CANCELLED"  # the caller went away


class End(Enum):
    """Why the host considers a child finished. Decided outside of the child."""

    ANSWERED = "answered"
    EXITED = "exited"
    WALL = "wall"
    CPU = "cpu"
    OUTPUT = "output"
    MEMORY = "memory"
    ANSWER_SIZE = "answer_size"
    CANCELLED = "cancelled"
    BROKEN = "broken"  # the child could not be started or confined: a fault of ours, never of the function
