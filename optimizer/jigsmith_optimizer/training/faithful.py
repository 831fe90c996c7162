"""The paper's training, Algorithm 2 of arXiv:2402.11359, as faithful as its text allows. D_val has no say in it.

A candidate is kept if its loss on all of D_train is strictly lower than the incumbent's, which is kept and not measured again;
ties are rolled back. docs/optimizer.md lists where the text is open and how each point was settled.
"""

from jigsmith_optimizer.proposer import Proposal
from jigsmith_optimizer.training.epoch import Epoch
from jigsmith_optimizer.training.trainer import Trainer
from jigsmith_optimizer.weights import Weights


class FaithfulTrainer(Trainer):
    """Keeps whatever does better on D_train."""

    async def _baseline(self, initial: Weights) -> Epoch:
        measured = await self._measure(self._splits.train, initial, "epoch 1, train")
        return Epoch(1, "baseline", "the set to start from", initial, None, train=measured)

    async def _judge(self, number: int, candidate: Weights, proposal: Proposal) -> Epoch:
        measured = await self._measure(self._splits.train, candidate, f"epoch {number}, train")
        best = self._kept_evaluation()
        better = measured.loss < best.loss
        return Epoch(
            number,
            "accepted" if better else "rolled_back",
            f"training loss {measured.loss:.3f} {'<' if better else '≥'} {best.loss:.3f}",
            candidate,
            self.training.best,
            tuple(proposal.actions),
            proposal.repairs,
            measured,
        )
