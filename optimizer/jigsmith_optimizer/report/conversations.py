"""The rollouts' conversations, by set and split, as far as a page can hold them: failures first; what is left out is said."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jigsmith_optimizer.report.messages import conversation
from jigsmith_optimizer.report.page import anchor, details, escaped
from jigsmith_optimizer.report.sets import UNKNOWN, set_names

if TYPE_CHECKING:
    from jigsmith_optimizer.pipeline import Outcome

_CHARS_MAX: Final = 12_000_000
"""Of all rollouts in the page: what browsers still open without a pause. Shared among the sets."""
_KEPT_MAX: Final = 200
"""Failed and solved rollouts of one set that may be shown, each."""
_HOW_TO_CHECK: Final = (
    "<p class=soft>Each call has a receipt. To see that the audit log holds it, save the receipt as receipt.json: "
    "<code>jigsmith audit verify receipt receipt.json AUDIT-FOLDER --key audit-key.pub</code>; "
    "<code>jigsmith explain INVOCATION</code> tells who wrote and approved what ran.</p>"
)


@dataclass(slots=True)
class _Set:
    """A set's rollouts: all of them counted, some of them kept."""

    solved: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    """By split."""
    kept: dict[bool, list[Mapping[str, Any]]] = field(default_factory=lambda: {False: [], True: []})

    def add(self, one: Mapping[str, Any], split: str) -> None:
        """Count a rollout, and keep it if there is room."""
        self.total[split] += 1
        self.solved[split] += one["solved"]
        if len(self.kept[one["solved"]]) < _KEPT_MAX:
            self.kept[one["solved"]].append(one)


@dataclass(frozen=True, slots=True)
class Shown:
    """The section, and the places in it that links may lead to."""

    html: str
    places: frozenset[str]


def conversations(
    outcome: "Outcome", rollouts: Iterable[Mapping[str, Any]], temperature: float | None, chars_max: int = _CHARS_MAX
) -> Shown:
    """Return rollouts, as the journal holds them, to be opened one by one; `temperature` is the agent's."""
    sets: dict[str, _Set] = {}
    for one in rollouts:
        sets.setdefault(one["set"], _Set()).add(one, outcome.split_of.get(one["row"], "test"))
    names, places, parts, left = set_names(outcome), set[str](), [], chars_max
    for number, (digest, found) in enumerate(sets.items()):
        share = left // (len(sets) - number)
        text = _set(names.get(digest, UNKNOWN), found, outcome, temperature, share, places)
        left -= len(text)
        parts.append(text)
    return Shown(_HOW_TO_CHECK + "".join(parts), frozenset(places))


def place(set_digest: str, row: str) -> str:
    """Return where a task's first rollout with a set is shown, if it is."""
    return anchor("r", set_digest, row)


def _set(
    name: str, found: _Set, outcome: "Outcome", temperature: float | None, chars_max: int, places: set[str]
) -> str:
    counts = ", ".join(
        f"{split} {found.solved[split]} of {count} solved" for split, count in sorted(found.total.items())
    )
    parts: list[str] = []
    length = 0
    for one in (*found.kept[False], *found.kept[True]):
        here = place(one["set"], one["row"])
        split = outcome.split_of.get(one["row"], "test")
        text = _rollout(one, split, temperature, "" if here in places else here)
        length += len(text)
        if length > chars_max:
            break
        places.add(here)
        parts.append(text)
    left_out = sum(found.total.values()) - len(parts)
    more = f"<p class=soft>{left_out} more rollouts are in the run's journal, not in this page</p>" if left_out else ""
    return details(f"{name}: {counts}", "".join(parts) + more)


def _rollout(one: Mapping[str, Any], split: str, temperature: float | None, here: str) -> str:
    said = one["conversation"]
    cut_short = f"<p class=soft>{escaped(said['cut_short'])}</p>" if said["cut_short"] else ""
    kind = "solved" if one["solved"] else "failed"
    again = f", again ({one['attempt'] + 1})" if one["attempt"] else ""
    drawn = one["sampling"]["temperature"]
    at = f", at temperature {drawn}" if drawn != temperature else ""
    body = conversation(said["messages"][1:], said["steps"])  # the first is the prompt that all rollouts share
    return details(f"{one['task']}: {kind} ({split}{again}{at})", f"{body}{cut_short}", kind, here)
