"""`jigsmith-optimizer`: learn a function set, measure one, compare two."""

import typer

from jigsmith_optimizer.cli import finished, measuring, training

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("train")(training.train)
app.command("propose")(finished.propose)
app.command("report")(finished.report)
app.command("evaluate")(measuring.evaluate)
app.command("compare")(measuring.compare)
app.command("baseline")(measuring.baseline)
app.command("transfer")(measuring.transfer)


@app.callback()
def _program() -> None:
    """Learn functions for a black-box LLM agent (arXiv:2402.11359). Everything runs at the runtime, over gRPC."""


def main() -> None:
    """Run the program."""
    app()
