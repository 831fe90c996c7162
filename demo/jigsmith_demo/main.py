"""The five steps of the main job, told as they happen."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from jigsmith import Client, JigsmithError
from jigsmith_optimizer.tasks.word_problems import write_splits
from jigsmith_scripted import ScriptedServer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from jigsmith_demo import frontend, hazards, outcome, processes
from jigsmith_demo.hazards import Shown
from jigsmith_demo.processes import DemoError, Runtime
from jigsmith_demo.scripted_model import MODEL, StandIn
from jigsmith_demo.tampering import edit_one_byte

DIRECTORY: Final = Path("build") / "demo"
SEED: Final = 7
PATIENCE: Final = 3
VALIDATION_TASKS: Final = 120
"""Enough to show that three kinds of questions more in a hundred are no luck."""

_console = Console(highlight=False)


def main() -> int:
    """Run the demo; return the exit code."""
    started = time.monotonic()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    try:
        with _endpoint() as (model, base_url):
            summary = _run(model, base_url)
    except (DemoError, JigsmithError, OSError) as error:
        Console(stderr=True).print(f"\ndemo: {error}", style="red", markup=False, highlight=False)
        return 1
    _print_report(summary, time.monotonic() - started)
    return 0


@contextmanager
def _endpoint() -> Iterator[tuple[str, str | None]]:
    """Yield (model, base URL) of the user's endpoint, or of the stand-in."""
    key, name = os.environ.get("OPENAI_API_KEY"), os.environ.get("JIGSMITH_MODEL")
    if key and name:
        _console.print(f"Using the model {name} at your endpoint.")
        yield name, os.environ.get("OPENAI_BASE_URL")
        return
    if key:
        _console.print("OPENAI_API_KEY is set, JIGSMITH_MODEL is not: set both to use your own endpoint.")
    _console.print(
        "The model here is a scripted stand-in: it shows how the loop works, not how good any model is.", style="yellow"
    )
    with ScriptedServer(StandIn()) as stand_in:
        yield MODEL, stand_in.base_url


def _run(model: str, base_url: str | None) -> dict[str, Any]:  # Any: JSON
    _step(1, "Start the runtime")
    with Runtime(DIRECTORY) as runtime:
        _say(f"jigsmith-runtime serves at {runtime.address}; functions run in {runtime.backend} sandboxes")
        _step(2, "Learn a function set from nothing, in another process, over RPC only")
        splits = write_splits(DIRECTORY, seed=SEED, validation=VALIDATION_TASKS)
        training = processes.train(
            runtime, splits, DIRECTORY / "training", model=model, base_url=base_url, patience=PATIENCE
        )
        _step(3, "Release it, call it, misuse it")
        _release(runtime, training["revision"])
        shown, p50_ms = _call(runtime, model, base_url)
    _step(4, "Verify the audit log, then edit one byte of a copy")
    report, command = processes.verify(runtime.audit, runtime.audit_key)
    _say(f"{command}\n  → {report['entries']} entries, {report['finished']} calls, verified: {report['ok']}")
    edited = edit_one_byte(runtime.audit, DIRECTORY / "tampered")
    tampered, command = processes.verify(DIRECTORY / "tampered", runtime.audit_key)
    named = tampered["first_bad"] or {"index": None, "explanation": "nothing was found"}
    _say(f"one byte of entry {edited} edited: {command}\n  → {named['explanation']}")
    found = not tampered["ok"] and named["index"] == edited
    summary = outcome.summarise(training, report, backend=runtime.backend, p50_ms=p50_ms, tamper_detected=found)
    outcome.write(DIRECTORY, summary, shown, named["explanation"])
    return summary


def _release(runtime: Runtime, revision: str) -> None:
    with Client(runtime.address, token=runtime.token("service:optimizer")) as optimizer:
        release = optimizer.request_release("tables", revision, channel="production", reason="The loss fell.")
        _say(f"service:optimizer asks for {revision} in production ({release.name})")
        try:
            optimizer.approve_release(release, reason="I like my own work.")
            raise DemoError("the optimizer approved its own work, which must not be possible")
        except JigsmithError as error:
            _say(f"service:optimizer tries to approve it itself: {error}")
    with Client(runtime.address, token=runtime.token("user:alice")) as alice:
        approved = alice.approve_release(alice.get_release(release.name), reason="Read the diff; the losses fell.")
        _say(f"user:alice approves: {approved.channel} now points to {approved.revision}")


def _call(runtime: Runtime, model: str, base_url: str | None) -> tuple[list[Shown], float]:
    token = runtime.token("service:frontend")
    conversation = frontend.ask(runtime.address, token, model, base_url)
    for step in conversation.steps:
        _say(f"the agent calls {step.function}({step.arguments}) → {step.result}")
    _say(f"the agent says: {conversation.final_text.splitlines()[-1]}")
    shown: list[Shown] = []
    p50_ms = 0.0
    if conversation.steps:  # a model may have answered without any function
        call = conversation.steps[-1]
        with Client(runtime.address, token=token) as client:
            got = client.tools(frontend.CHANNEL).call(call.function, '{"wrong": "argument"}')
            shown.append(Shown("a wrong argument, through the agent's tools", got))
            with _bar("calls", frontend.CALLS) as done:
                p50_ms = frontend.p50_ms(client, call.function, call.arguments, done)
        _say(f"{frontend.CALLS} calls, one after the other: {p50_ms:.1f} ms each at the median")
    with Client(runtime.address, token=runtime.token("service:optimizer")) as client:
        shown += hazards.show(client)
    for one in shown:
        _say(f"{one.tried}\n  → {one.got}")
    return shown, p50_ms


@contextmanager
def _bar(what: str, total: int) -> Iterator[Any]:  # Any: a function that advances the bar
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _step(number: int, title: str) -> None:
    _console.print(f"\n[bold]{number}. {title}[/bold]")
    sys.stdout.flush()


def _say(text: str) -> None:
    _console.print(f"  {text}", markup=False, soft_wrap=True)


def _print_report(summary: dict[str, Any], seconds: float) -> None:
    _step(5, "Report")
    table = Table("loss (share of tasks failed)", "before", "after", box=None, pad_edge=False)
    for split, label in (("train", "train"), ("validation", "validation"), ("test", "test, never trained on")):
        table.add_row(label, *(f"{summary[f'{split}_loss_{when}']:.3f}" for when in ("before", "after")))
    _console.print(table)
    actions = ", ".join(f"{count} {kind.removesuffix('_function')}" for kind, count in summary["actions"].items())
    _say(f"functions learned: {', '.join(summary['functions'])}")
    stopped = ", stopped early" if summary["early_stopped"] else ""
    _say(f"actions: {actions}; {summary['rollbacks']} roll-backs{stopped}")
    _say(
        f"{summary['invocations']} calls, p50 {summary['invoke_p50_ms']} ms, "
        f"{summary['audit_entries']} log entries: verified {summary['audit_verified']}, "
        f"edit detected {summary['tamper_detected']}"
    )
    _say(f"{DIRECTORY}/report.html shows the learning curve and each change; {DIRECTORY}/summary.json has the figures")
    _say(f"took {seconds:.0f} s")
