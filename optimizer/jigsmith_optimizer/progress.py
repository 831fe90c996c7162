"""Says how training goes: bars on a terminal, a line per event where there is none."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from jigsmith_optimizer.budget import Budget, Spend
from jigsmith_optimizer.training import Epoch


class ProgressObserver:
    """A context manager, so that the bars are taken down again."""

    def __init__(self, console: Console, budget: Budget) -> None:
        self._console, self._budget = console, budget
        columns = (
            TextColumn("{task.description:<30}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[spent]}"),
        )
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
        """Show a bar for rollouts."""
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        bar = self._progress.add_task(what, total=total, spent=spent_line(self._budget))

        def done() -> None:
            self._progress.update(bar, advance=1, spent=spent_line(self._budget))

        return done

    def proposing(self, number: int) -> None:
        """Show that the optimizer's model is asked."""
        self.evaluating(f"epoch {number}, proposal", 1)

    def measured(self, epoch: Epoch) -> None:
        """Print an epoch's line."""
        losses = "  ".join(
            f"{name} loss {loss:.3f}"
            for name, loss in (("train", epoch.train_loss), ("validation", epoch.validation_loss))
            if loss is not None
        )
        taken = ", ".join(f"{one.kind.removesuffix('_function')} {one.name}".strip() for one in epoch.actions)
        repaired = f" ({epoch.repairs} sent back to be mended)" if epoch.repairs else ""
        self._say(f"epoch {epoch.number:>2}  {epoch.verdict.replace('_', ' '):<12} {losses}  {taken}{repaired}")
        if epoch.number > 1:
            self._say(f"          {epoch.why}")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def spent_line(budget: Budget) -> str:
    """Return what was spent so far, in a few words."""
    return spent_words(budget.spent, estimated=budget.estimated)


def spent_words(spent: Spend, *, estimated: bool) -> str:
    """Return what was spent, in a few words."""
    money = f", {spent.money:.2f}" if spent.money else ""
    return f"{spent.requests} requests, {'about ' if estimated else ''}{spent.tokens:,} tokens{money}"
