"""What trusted training keeps, where each task's outcome is given: which set candidates meet, and when it does not go on."""

from collections.abc import Callable, Collection, Sequence

import pytest
from jigsmith_optimizer.agents import Conversation
from jigsmith_optimizer.agents.agent import Step
from jigsmith_optimizer.effects import Effect, leave_one_out
from jigsmith_optimizer.proposer import Proposal
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.tasks import SealedTasks, Splits, Task
from jigsmith_optimizer.training import Settings, TrustedTrainer
from jigsmith_optimizer.training.trainer import Parts
from jigsmith_optimizer.weights import Function, Weights

Solved = Callable[[str, Collection[str]], bool]
"""A task's id, the functions of a set → whether it is solved."""


class Stage:
    """A trainer whose store, rollouts and proposals are given. `t-0`, ... are its training tasks, `v-0`, ... validation."""

    def __init__(self, solved: Solved, proposals: Sequence[str] = (), *, groups: int = 0, **settings) -> None:
        """Proposals are sets, their functions' names side by side; `groups` is the number of validation tasks in one group."""
        self._solved, self._proposals = solved, list(proposals)
        self.rolled_out: list[tuple[str, str]] = []
        """Set and task of every rollout."""
        self.called: Callable[[str], str] = lambda _task: ""
        train = [Task(f"t-{n}", f"train {n}", "1") for n in range(40)]
        validation = [Task(f"v-{n}", f"validate {n}", "1", group="one" if n < groups else "") for n in range(200)]
        splits = Splits(train, validation, SealedTasks([Task("s", "sealed", "1")]))
        chosen = Settings("r", **({"epochs": len(proposals) + 1, "screen": 40} | settings))
        self.trainer = TrustedTrainer(Parts(self, self, self, splits, chosen, self))

    def evaluating(self, _what: str, _total: int) -> Callable[[], None]:
        """Count nothing."""
        return lambda: None

    def proposing(self, _number: int) -> None:
        """Say nothing."""

    def measured(self, _epoch) -> None:
        """Say nothing."""

    async def revise(self, functions, *, parent: str, message: str) -> Weights:
        """Return a revision."""
        return Weights("".join(sorted(functions)) or "empty", functions)

    async def propose(self, _situation, _seed: int) -> Proposal:
        """Return the next set."""
        return Proposal(functions(self._proposals.pop(0)))

    async def evaluate(self, tasks: Sequence[Task], weights: Weights, *, attempt: int = 0, done) -> Evaluation:
        """Look up each task's outcome."""
        assert attempt == 0, "what always does the same need not be asked again"
        self.rolled_out += [(weights.revision, one.id) for one in tasks]
        return Evaluation(tuple(self._rollout(one, weights) for one in tasks))

    def _rollout(self, task: Task, weights: Weights) -> Rollout:
        name = self.called(task.id)
        steps = [Step(name, "{}", "1", failed=False, invocation="", log_index=0)] if name in weights.functions else []
        return Rollout(task, Conversation(steps=steps), self._solved(task.id, weights.functions))

    async def train(self, initial: str = ""):
        """Train from a set."""
        return await self.trainer.train(Weights(initial or "empty", functions(initial)))


def functions(names: str) -> dict[str, Function]:
    """Return a function for each letter."""
    return {name: Function(name, f"functions/{name}/versions/1", "", "{}", "") for name in names}


def number(task: str) -> int:
    """Return a task's number."""
    return int(task.split("-")[1])


async def test_losses_of_ties_do_not_add_up() -> None:
    """Each smaller set is measured against the last one that was better, not against the tie before it.

    Without c two tasks are lost and two won, without b three are lost and two won: two lost and two won against the set
    without c, three and two against the set that both are to replace.
    """

    def solved(task: str, of: Collection[str]) -> bool:
        n = number(task)
        if "a" not in of or task.startswith("t"):
            return "a" in of
        if n < 2:
            return "c" not in of and "b" in of
        if n < 4:
            return "c" in of
        if n < 6:
            return "b" not in of
        return "b" in of if n == 6 else n < 195

    stage = Stage(solved, ["abc", "ab", "a"])
    training = await stage.train()
    assert [one.verdict for one in training.epochs] == ["baseline", "accepted", "accepted", "rolled_back"]
    tie, refused = training.epochs[2].test, training.epochs[3].test
    assert (tie.tie, tie.wins, tie.losses, tie.tasks) == (True, 2, 2, 200)
    assert tie.alpha == pytest.approx(0.025)
    assert (refused.tie, refused.wins, refused.losses) == (False, 2, 3)


async def test_ties_are_decided_on_all_of_d_val_although_a_gain_has_become_unlikely() -> None:
    """The test of a gain gives up long before."""
    stage = Stage(lambda task, of: "a" in of and number(task) < 150, ["ab", "a"])
    training = await stage.train()
    assert training.epochs[2].test.tie
    assert training.epochs[2].test.tasks == 200
    assert sorted(training.best.functions) == ["a"]


async def test_each_smaller_candidate_takes_half_of_what_is_left_of_the_error_of_ties() -> None:
    """One that was turned down has spent its share; the last one, when training is over, has all that is left."""
    stage = Stage(
        lambda task, of: "a" in of and number(task) < 150 and ("b" in of or task != "v-0"), ["abcd", "a", "abc"]
    )
    training = await stage.train()
    assert [one.verdict for one in training.epochs] == ["baseline", "accepted", "rolled_back", "accepted"]
    assert training.epochs[3].test.alpha == pytest.approx(0.0125)
    await stage.trainer.prune([Effect("c", 0, 0, 0, 0, training.kept[-1].train.interval)])
    assert training.epochs[4].test.alpha == pytest.approx(0.025)


async def test_what_wins_in_one_group_alone_has_won_once() -> None:
    """Fifty questions about one table are one observation; told to be alone, they would be accepted."""

    def solved(task: str, of: Collection[str]) -> bool:
        return "a" in of and (task.startswith("t") or number(task) < 50)

    grouped = await Stage(solved, ["a"], groups=50).train()
    assert grouped.epochs[1].verdict == "rolled_back"
    assert grouped.epochs[1].test.groups < grouped.epochs[1].test.tasks
    assert (await Stage(solved, ["a"]).train()).epochs[1].verdict == "accepted"


async def test_training_does_not_go_on_from_a_set_that_leaves_too_little_to_be_won() -> None:
    """It is said, and no proposal is asked for."""
    stage = Stage(lambda task, _of: number(task) >= 7, ["a"] * 9)
    training = await stage.train()
    assert len(training.epochs) == 1
    assert "failed 7 of 200" in training.unfinished
    stage = Stage(lambda task, of: number(task) >= 8 or "a" in of, ["a"] + ["b"] * 8)
    assert (await stage.train()).epochs[1].verdict == "accepted"


async def test_the_epoch_that_stopped_a_run_is_named() -> None:
    """Pruning may add another one behind it."""
    stage = Stage(lambda task, _of: number(task) < 20, ["a", "b", "c", "d"], patience=2)
    training = await stage.train()
    assert (training.stopped_at, training.early_stopped) == (3, True)
    assert (await Stage(lambda *_: False, ["a"]).train()).stopped_at is None


async def test_pruning_is_chosen_on_d_train_and_judged_on_d_val() -> None:
    """What no training task needs is kept if validation tasks need it; what they do not need has to be chosen without them."""

    def solved(task: str, of: Collection[str]) -> bool:
        n = number(task)
        if task.startswith("t"):
            return "a" in of
        return "a" in of and n < 150 and ("b" in of or n >= 20)

    stage = Stage(solved, ["abc"])
    stage.called = lambda task: "a" if task.startswith("t") or number(task) > 20 else "b"
    training = await stage.train()
    effects = await leave_one_out(
        training.best,
        training.kept[-1].train,
        store=stage,
        rollouts=stage,
        kept=frozenset(),
        evaluating=stage.evaluating,
    )
    assert {one.function: one.earns_its_place for one in effects} == {"a": True, "b": False, "c": False}
    before = len(stage.rolled_out)
    await stage.trainer.prune(effects)
    assert training.epochs[-1].verdict == "rolled_back"
    assert all(task.startswith("v") for _, task in stage.rolled_out[before:])
    idle = [Effect("c", 0, 0, 0, 0, effects[0].gain)]
    await stage.trainer.prune(idle)
    assert training.epochs[-1].test.tie
    assert sorted(training.best.functions) == ["a", "b"]


async def test_a_prune_that_could_not_be_shown_costs_no_rollout() -> None:
    """With too few tasks it takes, it says how many it would."""
    stage = Stage(lambda task, of: "a" in of, ["ab"], groups=190)
    training = await stage.train("b")
    before = len(stage.rolled_out)
    await stage.trainer.prune([Effect("b", 0, 0, 0, 0, training.kept[-1].train.interval)])
    last = training.epochs[-1]
    assert last.verdict == "rolled_back"
    assert last.validation_loss is None
    assert len(stage.rolled_out) == before
