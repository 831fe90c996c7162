"""The figures at the head of a report: what was learned, what it is worth on unseen tasks, and what it cost."""

from typing import Any

from jigsmith_optimizer.report.page import escaped, table


def head(summary: dict[str, Any]) -> str:
    """Return what was learned, and what it is worth."""
    stopped = ", stopped early" if summary["early_stopped"] else ""
    facts = (
        f"{summary['run']}: {len(summary['epochs'])} epochs, {summary['rollbacks']} rolled back{stopped}. "
        f"Algorithm {summary['algorithm']}, agent {summary['agent']} with {summary['model']}, optimizer "
        f"{summary['optimizer_model']}. Loss is the share of tasks failed."
    )
    unfinished = f'<p class="note">Unfinished: {escaped(summary["unfinished"])}</p>' if summary["unfinished"] else ""
    learned = ", ".join(summary["functions"]) or "none"
    return (
        f"<p class=soft>{escaped(facts)}</p>{unfinished}<p>Learned: <b>{escaped(learned)}</b> "
        f"<code>{escaped(summary['revision'])}</code></p>{_losses(summary)}"
    )


def details(summary: dict[str, Any]) -> str:
    """Return what each function does, what the run cost, and what it was run on."""
    return f"{_effects(summary)}{_costs(summary)}{_splits(summary)}"


def _losses(summary: dict[str, Any]) -> str:
    rows: list[tuple[object, ...]] = [
        (name, _share(summary[f"{name}_loss_before"]), _share(summary[f"{name}_loss_after"]), "")
        for name in ("train", "validation")
    ]
    test = summary["test"]
    if test is None:
        rows.append(("test (sealed)", "not read", "not read", ""))
        return f"<h2>Losses</h2>{table(('loss', 'before', 'after', ''), rows)}"
    rows.append(
        ("test (sealed)", _interval(test["before"]), _interval(test["after"]), f"gain {_interval(test['gain'])}")
    )
    baseline = test["baseline"]
    rows.append(
        (
            f"test, no functions, {baseline['samples']} answers a task",
            "",
            _interval(baseline["loss"]),
            f"gain over it {_interval(baseline['gain_over_baseline'])}",
        )
    )
    more = baseline["samples_affordable"] - baseline["samples"]
    drawn = "as the model samples" if baseline["temperature"] is None else f"at temperature {baseline['temperature']:g}"
    note = (
        "<p class=soft>The test split was read once, after training. Intervals are 95 %; gains are paired by task. "
        f"The baseline spends what training cost on asking again: the most frequent of several answers, drawn {drawn}, counts"
        f"{f'; the budget would have held {more} more to each task' if more > 0 else ''}.</p>"
    )
    return f"<h2>Losses</h2>{table(('loss', 'before', 'after', ''), rows)}{note}"


def _effects(summary: dict[str, Any]) -> str:
    if not summary["effects"]:
        return _use(summary["use"])
    rows = [
        (
            one["function"],
            one["calls"],
            one["tasks"],
            f"{one['wins']} / {one['losses']}",
            _interval(one["gain"]),
            "yes" if one["earns_its_place"] else "no: proposed for removal",
        )
        for one in summary["effects"]
    ]
    columns = ("function", "calls", "tasks", "won / lost by it", "effect on the share solved", "earns its place")
    note = "<p class=soft>On D_train, by leaving it out. What is removed for it is judged on D_val.</p>"
    return f"<h2>Effect of each function</h2>{table(columns, rows)}{note}"


def _use(use: dict[str, Any]) -> str:
    """Return how functions were used where their effects were not measured."""
    if not use["functions"]:
        return ""
    rows = [
        (one["function"], one["calls"], f"{one['tasks']} of {use['tasks']}", "not measured") for one in use["functions"]
    ]
    where = {"train": "D_train", "validation": "D_val"}[use["split"]]
    note = f"<p class=soft>On {where}. Effects are measured by trusted training, when it comes to its end.</p>"
    return f"<h2>Use of each function</h2>{table(('function', 'calls', 'called in tasks', 'effect'), rows)}{note}"


def _costs(summary: dict[str, Any]) -> str:
    spent = summary["spent"]
    rows = [
        ("requests, every attempt", f"{spent['requests']:,}"),
        ("prompt tokens", f"{spent['prompt_tokens']:,}"),
        ("completion tokens", f"{spent['completion_tokens']:,}"),
        ("money, by the price table", f"{spent['money']:.4f}"),
        ("seconds", f"{spent['seconds']:,}"),
    ]
    guess = "The endpoint does not say what all answers took: tokens, and money with them, are an estimate, a token for four"
    note = f"<p class=soft>{guess} characters.</p>" if spent["estimated"] else ""
    return f"<h2>Costs</h2>{table(('', 'spent'), rows)}{note}"


def _splits(summary: dict[str, Any]) -> str:
    rows = [
        (name, summary["split_sizes"][name], summary["split_digests"][name]) for name in ("train", "validation", "test")
    ]
    note = "<p class=soft>The digests stand in the audit log from before training began.</p>"
    return f"<h2>Splits</h2>{table(('split', 'tasks', 'sha256'), rows)}{note}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(value: dict[str, float]) -> str:
    return f"{value['estimate']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
