"""What every command does around its work: errors as one line, interruption with a way back, a loop to run in."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn

import typer
from jigsmith import JigsmithError
from rich.console import Console

from jigsmith_optimizer.budget import BudgetExhaustedError, PricesError
from jigsmith_optimizer.grading import GradingError
from jigsmith_optimizer.journal import JournalError, JournalStorageError
from jigsmith_optimizer.llm import ModelError
from jigsmith_optimizer.release import ProposalError
from jigsmith_optimizer.run_python import InterpreterRefusedError
from jigsmith_optimizer.tasks import DatasetError, SealedError
from jigsmith_optimizer.training import TooFewTasksError
from jigsmith_optimizer.training.settings import SettingsError

console = Console(highlight=False)
errors = Console(stderr=True)

_FAILED: Final = (
    BudgetExhaustedError, GradingError, InterpreterRefusedError, JigsmithError, JournalStorageError, ModelError,
)  # fmt: skip
"""What may go wrong on the way: to go on with the same command may help."""
_REFUSED: Final = (
    DatasetError, JournalError, PricesError, ProposalError, SealedError, SettingsError, TooFewTasksError,
)  # fmt: skip
"""What is wrong with the command as it was given, or with a file that it names."""
_FAILURE: Final = 1
_USAGE: Final = 2
_INTERRUPTED: Final = 130

Work = Callable[[], Coroutine[Any, Any, None]]  # Any: what coroutines may send


def run(work: Work, *, resume: Callable[[], str] = lambda: "") -> None:
    """Run a command to its end, from the first look at its options on.

    Whatever can be foreseen ends in one line: with 2 if the command cannot be done as it was given, with 1 if something failed
    on the way, with 130 if it was interrupted. `resume` is asked how to go on with what was begun, if anything was.
    """
    try:
        asyncio.run(_interruptible(work))
    except _FAILED as error:
        fail("; ".join(filter(None, (str(error), resume()))), _FAILURE)
    except _REFUSED as error:
        fail(error)
    except typer.BadParameter as error:
        fail(error.message)
    except OSError as error:
        if error.filename is None:
            fail("; ".join(filter(None, (error.strerror or str(error), resume()))), _FAILURE)
        fail(f"{error.filename}: {error.strerror}: see whether it is there, and may be read and written")
    except (KeyboardInterrupt, asyncio.CancelledError):
        fail(f"stopped; {resume() or 'nothing was changed'}", _INTERRUPTED)


async def _interruptible(work: Work) -> None:
    """Let SIGTERM end the work as Ctrl-C does: everything is closed, and what was paid for is in the journal."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await work()


def fail(message: object, code: int = _USAGE) -> NoReturn:
    """Say what went wrong, and leave."""
    note(f"jigsmith-optimizer: {message}")
    raise typer.Exit(code) from None


def note(text: str) -> None:
    """Print a line that is no result."""
    errors.print(text, markup=False, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a line."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
