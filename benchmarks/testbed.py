"""Training on real questions without an LLM: TAT-QA's arithmetic, and a scripted model that can do what its functions can.

A question's gold derivation says which of five functions it needs and with which numbers. The scripted agent calls that
function if the set holds one of its name, and answers what it gives, right or wrong; without it, it is wrong. So the loss of a
set is known, and so is what proposals are worth: the scripted optimizer adds the right functions one by one, and between them
proposes what is worth nothing (a function that no task needs), does harm (a wrong sign), has learned the training answers by
heart, crashes, or is refused by the policy. With noise, a share of all final answers is replaced by a wrong one.

The paper's rule gets twice the epochs, so that both spend about as many requests. Not part of `make bench`, because it takes
half an hour and needs the rows: `python -m benchmarks.testbed ROWS --seeds 20`.
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jigsmith_optimizer import pipeline
from jigsmith_optimizer.llm import Access
from jigsmith_optimizer.session import Means, RuntimeAddress, Session, Who
from jigsmith_optimizer.tasks import Splits, Task, load, split
from jigsmith_optimizer.training import Epoch, Settings
from jigsmith_scripted import Behaviour, Call, Reply, Request, ScriptedServer

from benchmarks.processes import runtime

_NUMBER: Final = r"-?\(?-?\d+(?:\.\d+)?\)?"
_SUM: Final = rf"{_NUMBER}(?:\+{_NUMBER})+"
FORMS: Final[dict[str, re.Pattern[str]]] = {
    "difference": re.compile(rf"({_NUMBER})-({_NUMBER})"),
    "percent_change": re.compile(rf"\(({_NUMBER})-({_NUMBER})\)/(?P<old>{_NUMBER})"),
    "average": re.compile(rf"\(({_SUM})\)/\d+"),
    "ratio": re.compile(rf"({_NUMBER})/({_NUMBER})"),
    "total": re.compile(rf"\(?({_SUM})\)?"),
}
SOURCES: Final = {
    "difference": "return values[0] - values[1]",
    "percent_change": "return 100 * (values[0] - values[1]) / values[1]",
    "average": "return sum(values) / len(values)",
    "ratio": "return (100 if percent else 1) * values[0] / values[1]",
    "total": "return sum(values)",
}
_PARAMETERS: Final = {
    "type": "object",
    "properties": {"values": {"type": "array", "items": {"type": "number"}}, "percent": {"type": "boolean"}},
    "required": ["values", "percent"],
}


@dataclass(frozen=True)
class Need:
    """What a question needs."""

    function: str
    arguments: dict[str, Any]


def needs(path: Path) -> dict[str, tuple[Task, Need]]:
    """Return the rows whose derivation is of a known form and gives the stated answer, by question text."""
    found = {}
    derivations = {row["id"]: row for row in map(json.loads, path.read_text().splitlines())}
    for task in load(path):
        row = derivations[task.id]
        text = re.sub(r"[\s$,%]", "", str(row["derivation"])).replace("[", "(").replace("]", ")")
        for name, form in FORMS.items():
            match = form.fullmatch(text)
            if match is None:
                continue
            parts = match[1].split("+") if name in ("average", "total") else [match[1], match[2]]
            values = [float(one.replace("(", "").replace(")", "").replace("--", "")) for one in parts]
            arguments = {"values": values, "percent": row["scale"] == "percent"}
            if name == "percent_change" and float(match["old"].strip("()")) != values[1]:
                break
            if abs(_value(name, arguments) - float(task.answer)) <= 0.01:
                found[task.question] = (task, Need(name, arguments))
            break
    return found


def _value(name: str, arguments: Mapping[str, Any]) -> float:
    values = arguments["values"]
    known: dict[str, Callable[[], float]] = {
        "difference": lambda: values[0] - values[1],
        "percent_change": lambda: 100 * (values[0] - values[1]) / values[1] if values[1] else 0.0,
        "average": lambda: statistics.mean(values),
        "ratio": lambda: (100 if arguments["percent"] else 1) * values[0] / values[1] if values[1] else 0.0,
        "total": lambda: sum(values),
    }
    return known[name]()


class Testbed:
    """The model: as agent, by what questions need; as optimizer, good and planted bad proposals in a seeded order."""

    __test__ = False  # pytest: this is no test

    def __init__(self, known: Mapping[str, tuple[Task, Need]], training: list[Task], seed: int) -> None:
        self._known, self._training, self._seed = known, training, seed

    def answer(self, request: Request) -> Reply:
        """Return the next move."""
        if request.tool("ping") is not None:
            return _call("ping", {"text": "hello"})
        if request.tool("terminate") is not None:
            return self._proposal(request)
        last = request.messages[-1]
        if last.role == "tool":
            return Reply(f"ANSWER: {last.content}" if "error" not in last.content else "ANSWER: unknown")
        need = self._known[request.first("user")][1]
        if request.tool(need.function) is None:
            return Reply("ANSWER: unknown")
        return _call(need.function, need.arguments)

    def _proposal(self, request: Request) -> Reply:
        state = json.loads(re.search(r"```json\n(.*)\n```", request.first("user"), re.DOTALL)[1])  # type: ignore[index]
        if request.answers():
            return _call("terminate", {"reason": "one change at a time"})
        present = {one["name"]: one["source"] for one in state["best"]["functions"]}
        throws = random.Random(f"{self._seed} {state['epoch']}")
        wanted = [name for name in SOURCES if SOURCES[name] not in present.get(name, "")]
        if wanted and throws.random() < 0.5:
            name = throws.choice(wanted)
            kind = "revise_function" if name in present else "add_function"
            return self._function(kind, name, SOURCES[name], "questions of this kind fail")
        return self._bad(throws, present)

    def _bad(self, throws: random.Random, present: Mapping[str, str]) -> Reply:
        name = throws.choice(list(SOURCES))
        kind = "revise_function" if name in present else "add_function"
        match throws.choice(["useless", "sign", "by heart", "crash", "refused"]):
            case "useless":
                return self._function("add_function", f"helper_{throws.randrange(10**6)}", "return 0", "it may help")
            case "sign":
                return self._function(kind, name, f"return -({SOURCES[name].removeprefix('return ')})", "clearer")
            case "by heart":
                learned = {
                    json.dumps(need.arguments["values"]): _value(name, need.arguments)
                    for task in self._training
                    if (need := self._known[task.question][1]).function == name
                }
                return self._function(kind, name, f"return {learned!r}.get(str(values), 0)", "faster")
            case "crash":
                return self._function(kind, name, "return values[99]", "simpler")
        return self._function(kind, name, "import socket; return 0", "look it up")

    def _function(self, kind: str, name: str, body: str, reason: str) -> Reply:
        source = f"def {name}(values, percent):\n    {body}\n"
        return _call(
            kind, {"name": name, "description": name, "parameters": _PARAMETERS, "source": source, "reason": reason}
        )


def _call(name: str, arguments: Mapping[str, Any]) -> Reply:
    return Reply(calls=(Call(name, json.dumps(arguments)),))


class _Silent:
    def evaluating(self, _what: str, _total: int) -> Callable[[], None]:
        return lambda: None

    def proposing(self, _number: int) -> None:
        pass

    def measured(self, _epoch: Epoch) -> None:
        pass


async def train(
    address: str, known: Mapping[str, tuple[Task, Need]], *, algorithm: Any, noise: float, seed: int, epochs: int
) -> dict[str, Any]:
    """Train once; return the summary."""
    parts = split([task for task, _ in known.values()], seed, (0.15, 0.45, 0.4))
    splits = Splits(list(parts.train), list(parts.validation), parts.test)
    settings = Settings(f"testbed-{algorithm}-{seed}", algorithm, epochs=epochs, seed=seed)
    model = Testbed(known, list(parts.train), seed)
    with tempfile.TemporaryDirectory() as folder, ScriptedServer(model, Behaviour(seed, noise=noise)) as server:
        means = Means(RuntimeAddress(address), Access(server.base_url, "x"), concurrency=16)
        who = Who(f"testbed-{algorithm}-{seed}-{round(100 * noise)}", "m", "m")
        async with Session(Path(folder), settings.run, who, means, seed=seed) as session:
            outcome = await pipeline.train(session, splits, settings, _Silent())
            return pipeline.summarise(session, splits, settings, outcome)


def main() -> None:
    """Print, as JSON, the sealed test loss of each algorithm by noise: mean, its 95 % interval, and what was spent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args()
    known = needs(given.rows)
    figures: dict[str, float] = {"testbed_tasks": len(known)}
    with runtime("bubblewrap", None) as served:
        for noise in (0.1, 0.0):
            for algorithm, epochs in (("trusted", given.epochs), ("agent-optimizer", 2 * given.epochs)):
                found = [
                    asyncio.run(
                        train(served.address, known, algorithm=algorithm, noise=noise, seed=seed, epochs=epochs)
                    )
                    for seed in range(given.seeds)
                ]
                stem = f"testbed_{algorithm.replace('-', '_')}_noise{round(100 * noise)}"
                figures |= _figures(stem, found)
                print(json.dumps(figures), flush=True)


def _figures(stem: str, found: list[dict[str, Any]]) -> dict[str, float]:
    losses = [one["test_loss_after"] for one in found]
    half = 1.96 * statistics.stdev(losses) / len(losses) ** 0.5 if len(losses) > 1 else 1.0
    useless = [sum(name not in SOURCES for name in one["functions"]) for one in found]
    return {
        f"{stem}_test_loss": round(statistics.mean(losses), 4),
        f"{stem}_test_loss_half_width": round(half, 4),
        f"{stem}_functions": statistics.mean(len(one["functions"]) for one in found),
        f"{stem}_useless_functions": statistics.mean(useless),
        f"{stem}_requests": statistics.mean(one["spent"]["requests"] for one in found),
    }


if __name__ == "__main__":
    main()
