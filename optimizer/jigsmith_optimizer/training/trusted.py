"""Training whose verdicts can be trusted: a candidate is kept only if a paired test on D_val says so.

The error of all tests of a run together is bounded (jigsmith_optimizer.acceptance). Before a candidate costs a rollout on
D_val it has to do better than the incumbent on a few tasks of D_train, most of them such as the incumbent failed.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from jigsmith_optimizer.acceptance import (
    Decision,
    ErrorBudget,
    SequentialTest,
    Verdict,
    gain_detectable,
    not_worse,
    wins_needed,
)
from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.effects import Effect
from jigsmith_optimizer.intervals import paired_gain
from jigsmith_optimizer.proposer import Proposal
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.training.epoch import Epoch
from jigsmith_optimizer.training.settings import Settings
from jigsmith_optimizer.training.trainer import Parts, Trainer
from jigsmith_optimizer.weights import Weights


class TooFewTasksError(Exception):
    """No candidate could be accepted, however good; the message says how many tasks it takes."""


def check_tasks(settings: Settings, validation_tasks: int) -> float | None:
    """Return the least gain that is found with a chance of 80 %. Raises TooFewTasksError if not even a perfect one is.

    To be asked before anything is spent.
    """
    alpha = _error_budget(settings).share
    if validation_tasks < wins_needed(alpha):
        raise TooFewTasksError(
            f"{validation_tasks} validation tasks can accept nothing at an error of {settings.alpha:g} over "
            f"{settings.epochs - 1} candidates: it takes at least {wins_needed(alpha)}. Give more tasks, fewer --epochs, "
            "a larger --alpha, or --algorithm agent-optimizer, which asks for no proof"
        )
    return gain_detectable(validation_tasks, alpha)


def _error_budget(settings: Settings) -> ErrorBudget:
    return ErrorBudget(max(1, settings.epochs - 1), settings.alpha)


class TrustedTrainer(Trainer):
    """Keeps what a paired test accepts; of equal sets the smaller."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._errors = _error_budget(parts.settings)
        self._incumbent: dict[int, Evaluation] = {}
        """Its rollouts on all of D_val, by attempt."""

    async def _baseline(self, initial: Weights) -> Epoch:
        measured = await self._measure(self._splits.train, initial, "epoch 1, train")
        validation = await self._incumbent_on_validation(initial, attempt=0)
        return Epoch(1, "baseline", "the set to start from", initial, None, train=measured, validation=validation)

    async def _incumbent_on_validation(self, weights: Weights, attempt: int) -> Evaluation:
        if attempt not in self._incumbent:
            what = f"validation, best set{', again' if attempt else ''}"
            self._incumbent[attempt] = await self._measure(self._splits.validation, weights, what, attempt=attempt)
        return self._incumbent[attempt]

    async def _judge(self, number: int, candidate: Weights, proposal: Proposal) -> Epoch:
        smaller = len(candidate.functions) < len(self.training.best.functions)
        screened = await self._screened(number, candidate)
        gain = screened.solved - self._of_incumbent(screened).solved
        if gain < 0 or (gain == 0 and not smaller):
            why = f"of {len(screened.rollouts)} tasks of D_train it solved {gain:+d} against the best set"
            return self._turned_down(number, candidate, proposal, why=why, screen=screened)
        verdict, validation = await self._tested(number, candidate, smaller=smaller)
        accepted = verdict.decision == "accept"
        self._errors.tested(verdict.alpha, accepted=accepted and not verdict.tie)
        train = None
        if accepted:
            train = await self._measure(self._splits.train, candidate, f"epoch {number}, train")
            self._incumbent.clear()
            await self._incumbent_on_validation(candidate, attempt=0)
            validation = self._incumbent[0]
        return Epoch(
            number,
            "accepted" if accepted else "rolled_back",
            verdict.why,
            candidate,
            self.training.best,
            tuple(proposal.actions),
            proposal.repairs,
            train,
            screened,
            verdict,
            validation,
        )

    def _turned_down(
        self, number: int, candidate: Weights, proposal: Proposal, *, why: str, screen: Evaluation | None = None
    ) -> Epoch:
        """Return the epoch of a candidate that never got to its test: its share of the error stays for the others."""
        self._errors.passed_by()
        return super()._turned_down(number, candidate, proposal, why=why, screen=screen)

    async def prune(self, effects: Sequence[Effect]) -> None:
        """Propose to do without the functions that do not earn their place; kept if D_val shows the rest to be as good."""
        idle = [one for one in effects if not one.earns_its_place]
        if not idle:
            return
        best = self.training.best
        names = {one.function for one in idle}
        rest = {name: one for name, one in best.functions.items() if name not in names}
        proposal = Proposal(rest, [Action("remove_function", one.function, reason=_reason(one)) for one in idle])
        number = len(self.training.epochs) + 1
        candidate = await self._parts.store.revise(
            rest, parent=best.revision, message=f"epoch {number} of {self._settings.run}: without what earns nothing"
        )
        incumbent = await self._incumbent_on_validation(best, attempt=0)
        measured = await self._measure(self._splits.validation, candidate, f"epoch {number}, validation")
        differences = measured.differences(incumbent)
        wins, losses, tasks = differences.count(1), differences.count(-1), len(differences)
        accepted = not_worse(wins, losses, tasks)
        gain = paired_gain(wins, losses, tasks)
        verdict = _explained(
            Verdict("accept" if accepted else "inconclusive", "", tasks, tasks, wins, losses, gain, 0.0, tie=accepted)
        )
        train = await self._measure(self._splits.train, candidate, f"epoch {number}, train") if accepted else None
        self._record(
            Epoch(
                number,
                "accepted" if accepted else "rolled_back",
                verdict.why,
                candidate,
                best,
                tuple(proposal.actions),
                train=train,
                test=verdict,
                validation=measured,
            )
        )

    async def _screened(self, number: int, candidate: Weights) -> Evaluation:
        """Roll a candidate out on a few training tasks: two in three such as the best set failed."""
        rollouts = list(self._kept_evaluation().rollouts)
        random.Random(f"{self._settings.seed} {number}").shuffle(rollouts)  # noqa: S311 - a choice of tasks, no secret
        failed = [one.task for one in rollouts if not one.solved]
        solved = [one.task for one in rollouts if one.solved]
        most = min(self._settings.screen, len(rollouts))
        chosen = failed[: max(2 * most // 3, most - len(solved))]
        chosen += solved[: most - len(chosen)]
        return await self._measure(chosen, candidate, f"epoch {number}, screen")

    def _of_incumbent(self, evaluation: Evaluation) -> Evaluation:
        """Return the best set's rollouts on the same training tasks."""
        known: dict[str, Rollout] = {one.task.id: one for one in self._kept_evaluation().rollouts}
        return Evaluation(tuple(known[one.task.id] for one in evaluation.rollouts))

    async def _tested(self, number: int, candidate: Weights, *, smaller: bool) -> tuple[Verdict, Evaluation]:
        """Run the paired test. Returns its verdict and the candidate's rollouts that it looked at."""
        order: list[Task] = list(self._splits.validation)
        random.Random(f"{self._settings.seed}").shuffle(order)  # noqa: S311 - an order of tasks, no secret
        incumbent = {one.task.id: one for one in (await self._incumbent_on_validation(self.training.best, 0)).rollouts}
        settings = self._settings
        test = SequentialTest(
            len(order), self._errors.share, target_gain=settings.target_gain, repeats=settings.repeats
        )
        seen: list[Rollout] = []
        decision: Decision | None = None
        while decision is None and (size := test.next_look()):
            tasks = order[len(seen) : len(seen) + size]
            what = f"epoch {number}, validation {len(seen) + size}/{len(order)}"
            measured = await self._measure(tasks, candidate, what)
            seen += measured.rollouts
            decision = test.look(measured.differences(Evaluation(tuple(incumbent[one.id] for one in tasks))))
        rollouts = len(seen)
        if decision is None and test.worth_repeating:
            again = {
                one.task.id: one
                for one in (await self._incumbent_on_validation(self.training.best, attempt=1)).rollouts
            }
            measured = await self._measure(order, candidate, f"epoch {number}, validation again", attempt=1)
            decision = test.repeat(measured.differences(Evaluation(tuple(again[one.id] for one in order))))
            rollouts += len(order)
        verdict = test.verdict(decision or "inconclusive", "", rollouts=rollouts)
        if verdict.decision != "accept" and smaller and not_worse(verdict.wins, verdict.losses, verdict.tasks):
            verdict = replace(test.verdict("accept", "", rollouts=rollouts), tie=True)
        return _explained(verdict), Evaluation(tuple(seen))


def _reason(effect: Effect) -> str:
    """Return why a function is proposed for removal."""
    if not effect.tasks:
        return "no validation task called it"
    return f"of {effect.tasks} validation tasks that called it, {effect.wins} need it and {effect.losses} fail by it"


def _explained(verdict: Verdict) -> Verdict:
    """Return a verdict with its one sentence."""
    seen = (
        f"{verdict.wins} won, {verdict.losses} lost of {verdict.tasks} validation tasks "
        f"(gain {verdict.gain.estimate:+.3f}, {verdict.gain.low:+.3f} to {verdict.gain.high:+.3f})"
    )
    match verdict.decision:
        case "accept" if verdict.tie:
            why = f"{seen}: as good, with fewer functions"
        case "accept":
            why = f"{seen}: better, at an error of {verdict.alpha:.4f}"
        case "reject":
            why = f"{seen}: a gain worth having has become unlikely"
        case _ if verdict.tasks_needed is None:
            why = f"{seen}: inconclusive"
        case _:
            why = f"{seen}: inconclusive; to tell, it takes about {verdict.tasks_needed} validation tasks"
    return replace(verdict, why=why)
