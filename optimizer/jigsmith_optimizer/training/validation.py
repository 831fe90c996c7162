"""D_val: the set that candidates are measured against there, and how one meets it, task by task.

The reference is the set that training started from or that was last accepted because it was better. A smaller set that took
its place as a tie is the best set, but not the reference: its losses would add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from jigsmith_optimizer.acceptance import Decision, SequentialTest, Verdict, failing_groups, verdict
from jigsmith_optimizer.paired import Paired, in_groups
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.ties import as_good, in_reach, tasks_without_difference
from jigsmith_optimizer.training.settings import Settings
from jigsmith_optimizer.weights import Weights


class Measure(Protocol):
    """How rollouts are come by."""

    async def __call__(self, tasks: Sequence[Task], weights: Weights, what: str, *, attempt: int = 0) -> Evaluation:
        """Roll out tasks with a set; `what` is shown to who watches, another `attempt` uses other seeds."""


@dataclass(frozen=True, slots=True)
class Stakes:
    """Which errors a candidate's tests may make."""

    better: float | None
    """That of being kept as better; None if it is to be no more than a tie."""
    tie: float | None
    """That of being kept as a tie; None if the candidate is not smaller."""


class Validation:
    """D_val in the order in which every candidate works on it: whole groups, shuffled by the run's seed."""

    def __init__(self, tasks: Sequence[Task], settings: Settings, measure: Measure) -> None:
        groups = in_groups(tasks, f"{settings.seed}")
        self._order = [task for group in groups for task in group]
        self._settings, self._measure = settings, measure
        self.sizes = tuple(len(group) for group in groups)
        """Of its groups."""
        self._reference: Weights | None = None
        self._passes: dict[int, Evaluation] = {}
        """The reference's rollouts on all of D_val, by attempt."""

    async def refer_to(self, weights: Weights) -> Evaluation:
        """Measure a set on all of D_val; from now on candidates meet this one."""
        self._reference = weights
        self._passes.clear()
        return await self._pass(0)

    async def groups_failed(self) -> int:
        """Return in how many groups the reference failed a task."""
        return failing_groups([not one.solved for one in (await self._pass(0)).rollouts], self.sizes)

    async def _pass(self, attempt: int) -> Evaluation:
        assert self._reference is not None, "the baseline is measured first"
        if attempt not in self._passes:
            what = f"validation, reference{', again' if attempt else ''}"
            self._passes[attempt] = await self._measure(self._order, self._reference, what, attempt=attempt)
        return self._passes[attempt]

    async def meet(self, candidate: Weights, stakes: Stakes, what: str) -> tuple[Verdict, Evaluation | None]:
        """Measure a candidate against the reference. Returns the verdict, and the rollouts of its first pass if there were any.

        What is looked at ends where both questions, whether it is better and whether it is a tie, have been settled.
        """
        found, again, seen = Paired(self.sizes), None, list[Rollout]()
        reference, alpha = (await self._pass(0)).rollouts, stakes.better
        settings, test, decision = self._settings, None, None
        if alpha is not None:
            test = SequentialTest(found, alpha, target_gain=settings.target_gain, repeats=settings.repeats)
        while (size := found.next_look()) and (_is_open(test, decision) or _may_tie(decision, found, stakes.tie)):
            begin, end = found.tasks, found.tasks + size
            measured = await self._measure(self._order[begin:end], candidate, f"{what}, validation {end}/{found.total}")
            found.add(measured.differences(Evaluation(reference[begin:end])))
            seen += measured.rollouts
            if test is not None and decision is None:
                decision = test.look()
        if test is not None and decision is None and test.worth_repeating:
            first = await self._pass(1)
            measured = await self._measure(self._order, candidate, f"{what}, validation again", attempt=1)
            again = Paired(self.sizes)
            again.add(measured.differences(first))
            decision = test.repeat(again)
        found_out = verdict(decision or "inconclusive", found, stakes.better or stakes.tie or 0.0, again=again)
        if decision != "accept" and stakes.tie is not None:
            found_out = _as_tie(found_out, found, stakes.tie, alone=stakes.better is None)
        return explained(found_out, smaller=stakes.tie is not None), Evaluation(tuple(seen)) if seen else None


def _is_open(test: SequentialTest | None, decision: Decision | None) -> bool:
    return test is not None and decision is None


def _may_tie(decision: Decision | None, found: Paired, share: float | None) -> bool:
    return decision != "accept" and share is not None and in_reach(found, share)


def _as_tie(before: Verdict, found: Paired, share: float, *, alone: bool) -> Verdict:
    """Return the verdict on a smaller set that is not better."""
    if as_good(found, share):
        return replace(before, decision="accept", tie=True, alpha=share, tasks_needed=None)
    if alone:
        enough = tasks_without_difference(share)
        return replace(before, alpha=share, tasks_needed=enough if enough > found.total else None)
    return before


def explained(found: Verdict, *, smaller: bool) -> Verdict:
    """Return a verdict with its one sentence."""
    seen = f"{found.wins} won, {found.losses} lost of {found.tasks} validation tasks"
    if found.groups < found.tasks:
        seen += f" in {found.groups} groups"
    if found.wins_again is not None:
        seen += f", {found.wins_again} and {found.losses_again} when they were rolled out again"
    seen += f" (gain {found.gain.estimate:+.3f}, {found.gain.low:+.3f} to {found.gain.high:+.3f})"
    if smaller:
        seen += ", not shown to be as good" if found.decision != "accept" else ""
    match found.decision:
        case "accept" if found.tie:
            why = f"{seen}: as good, with fewer functions, at an error of {found.alpha:.4f}"
        case "accept":
            why = f"{seen}: better, at an error of {found.alpha:.4f}"
        case "reject":
            why = f"{seen}: a gain worth having has become unlikely"
        case _ if found.tasks_needed is None:
            why = f"{seen}: inconclusive"
        case _:
            why = f"{seen}: inconclusive; to tell, it takes about {found.tasks_needed} validation tasks"
    return replace(found, why=why)
