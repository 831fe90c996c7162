"""What every command does around its work: errors as one line, interruption with a way back, a loop to run in."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, NoReturn

import typer
from jigsmith import JigsmithError
from rich.console import Console

from jigsmith_optimizer.budget import BudgetExhaustedError, PricesError
from jigsmith_optimizer.grading import GradingError
from jigsmith_optimizer.journal import JournalError
from jigsmith_optimizer.llm import ModelError
from jigsmith_optimizer.run_python import InterpreterRefusedError
from jigsmith_optimizer.tasks import DatasetError, SealedError
from jigsmith_optimizer.training import TooFewTasksError

console = Console(highlight=False)
errors = Console(stderr=True)

_KNOWN: Final = (
    BudgetExhaustedError, DatasetError, GradingError, InterpreterRefusedError, JigsmithError, JournalError, ModelError,
    OSError, PricesError, SealedError, TooFewTasksError,
)  # fmt: skip
_INTERRUPTED: Final = 130


def run(work: Coroutine[Any, Any, None], *, resume: str = "") -> None:  # Any: what coroutines may send
    """Run a command to its end; `resume` says how to go on with what was interrupted."""
    try:
        asyncio.run(_interruptible(work))
    except _KNOWN as error:
        fail(f"{error}{f'; {resume}' if resume and not isinstance(error, TooFewTasksError) else ''}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        errors.print(f"jigsmith-optimizer: stopped; {resume or 'nothing was changed'}", highlight=False, soft_wrap=True)
        raise typer.Exit(_INTERRUPTED) from None


async def _interruptible(work: Coroutine[Any, Any, None]) -> None:
    """Let SIGTERM end the work as Ctrl-C does: everything is closed, and what was paid for is in the journal."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await work


def fail(message: object) -> NoReturn:
    """Say what went wrong, and leave with 1."""
    errors.print(f"jigsmith-optimizer: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def say(text: str) -> None:
    """Print a line."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
