"""Says how training goes: bars on a terminal, a line per event on a pipe."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jigsmith_optimizer.loop import Epoch


class ProgressObserver:
    """A context manager, so that the bars are taken down again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def __enter__(self) -> Self:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bars down."""
        self._progress.stop()

    def evaluating(self, what: str, total: int) -> Callable[[], None]:
        """Show a bar for a split's rollouts."""
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        bar = self._progress.add_task(what, total=total)
        return lambda: self._progress.advance(bar)

    def proposing(self, number: int) -> None:
        """Stay silent: a proposal takes one or two requests."""

    def measured(self, epoch: Epoch) -> None:
        """Print an epoch's line."""
        taken = ", ".join(f"{one.kind.removesuffix('_function')} {one.name}".strip() for one in epoch.actions)
        repaired = f" ({epoch.repairs} sent back to be mended)" if epoch.repairs else ""
        self._console.print(
            f"epoch {epoch.number:>2}  train loss {epoch.train_loss:.3f}  validation loss {epoch.validation_loss:.3f}  "
            f"{epoch.verdict.replace('_', ' '):<12} {taken}{repaired}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
