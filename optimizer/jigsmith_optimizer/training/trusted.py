"""Training whose verdicts can be trusted: a candidate is kept only if a paired test on D_val says so.

The error of all tests of a run together is bounded (jigsmith_optimizer.acceptance; of equal sets the smaller is kept, with an
error of its own: jigsmith_optimizer.ties). Before a candidate costs a rollout on D_val it has to do better than the best set on
a few tasks of D_train, most of them such as that one failed.
"""

from collections.abc import Sequence

from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.effects import Effect
from jigsmith_optimizer.proposer import Proposal
from jigsmith_optimizer.rollout import Evaluation
from jigsmith_optimizer.ties import TieBudget
from jigsmith_optimizer.training.epoch import Epoch
from jigsmith_optimizer.training.plan import error_budget, too_good
from jigsmith_optimizer.training.screen import passes_screen, screen_tasks
from jigsmith_optimizer.training.trainer import Parts, Trainer
from jigsmith_optimizer.training.validation import Stakes, Validation
from jigsmith_optimizer.weights import Weights


class TrustedTrainer(Trainer):
    """Keeps what a paired test accepts; of equal sets the smaller."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._errors, self._ties = error_budget(parts.settings), TieBudget(parts.settings.alpha)
        self._validation = Validation(parts.splits.validation, parts.settings, self._measure)

    async def _baseline(self, initial: Weights) -> Epoch:
        measured = await self._measure(self._splits.train, initial, "epoch 1, train")
        validation = await self._validation.refer_to(initial)
        groups = len(self._validation.sizes)
        self.training.unfinished = too_good(self._settings, await self._validation.groups_failed(), groups)
        return Epoch(1, "baseline", "the set to start from", initial, None, train=measured, validation=validation)

    async def _judge(self, number: int, candidate: Weights, proposal: Proposal) -> Epoch:
        smaller = len(candidate.functions) < len(self.training.best.functions)
        screened, gain = await self._screened(number, candidate)
        if not passes_screen(gain, smaller=smaller):
            why = f"of {len(screened.rollouts)} tasks of D_train it solved {gain:+d} against the best set"
            return self._turned_down(number, candidate, proposal, why=why, screen=screened)
        stakes = Stakes(self._errors.share, self._ties.share if smaller else None)
        verdict, validation = await self._validation.meet(candidate, stakes, f"epoch {number}")
        accepted = verdict.decision == "accept"
        self._errors.tested(stakes.better or 0.0, accepted=accepted and not verdict.tie)
        if stakes.tie is not None:
            self._ties.tested(stakes.tie, accepted=accepted)
        if accepted and not verdict.tie:
            validation = await self._validation.refer_to(candidate)
        train = await self._measure(self._splits.train, candidate, f"epoch {number}, train") if accepted else None
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

    async def _screened(self, number: int, candidate: Weights) -> tuple[Evaluation, int]:
        """Roll a candidate out on a few training tasks; return that, and how many more it solved than the best set."""
        best = self._kept_evaluation().rollouts
        settings = self._settings
        chosen = screen_tasks([one.solved for one in best], settings.screen, f"{settings.seed} {number}")
        screened = await self._measure([best[one].task for one in chosen], candidate, f"epoch {number}, screen")
        return screened, screened.solved - sum(best[one].solved for one in chosen)

    async def prune(self, effects: Sequence[Effect]) -> None:
        """Propose to do without the functions that do not earn their place; kept if D_val shows the rest to be as good.

        `effects` have to come from D_train. What chose the functions would else choose the tasks that judge them, too: at
        temperature 0 not even other rollouts would help, only other tasks do.
        """
        idle = [one for one in effects if not one.earns_its_place]
        if not idle:
            return
        best = self.training.best
        names = {one.function for one in idle}
        rest = {name: one for name, one in best.functions.items() if name not in names}
        actions = [Action("remove_function", one.function, reason=_reason(one)) for one in idle]
        number = len(self.training.epochs) + 1
        candidate = await self._parts.store.revise(
            rest, parent=best.revision, message=f"epoch {number} of {self._settings.run}: without what earns nothing"
        )
        stakes = Stakes(None, self._ties.last_share)
        verdict, validation = await self._validation.meet(candidate, stakes, f"epoch {number}")
        accepted = verdict.decision == "accept"
        train = await self._measure(self._splits.train, candidate, f"epoch {number}, train") if accepted else None
        self._record(
            Epoch(
                number,
                "accepted" if accepted else "rolled_back",
                verdict.why,
                candidate,
                best,
                tuple(actions),
                train=train,
                test=verdict,
                validation=validation,
            )
        )


def _reason(effect: Effect) -> str:
    """Return why a function is proposed for removal."""
    if not effect.tasks:
        return "no training task called it"
    return f"of {effect.tasks} training tasks that called it, {effect.wins} need it and {effect.losses} fail by it"
