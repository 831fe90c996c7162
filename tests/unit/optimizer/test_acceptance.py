"""The sequential paired test: its error is exact, and what it says can be checked by counting."""

import itertools
import random
from collections.abc import Sequence

import pytest
from jigsmith_optimizer.acceptance import (
    ErrorBudget,
    SequentialTest,
    failing_groups,
    tasks_needed,
    verdict,
    wins_needed,
)
from jigsmith_optimizer.paired import Paired


def decide(differences: list[int], alpha: float, *, sizes: Sequence[int] = ()) -> tuple[str | None, int]:
    """Feed a test look by look, without a second pass; return its decision and how many tasks it took."""
    found = Paired(sizes or [1] * len(differences))
    test = SequentialTest(found, alpha, repeats=False)
    while size := found.next_look():
        found.add(differences[found.tasks : found.tasks + size])
        decision = test.look()
        if decision is not None:
            return decision, found.tasks
    return None, found.tasks


def whole(differences: list[int], sizes: Sequence[int] = ()) -> Paired:
    """Return outcomes of all tasks."""
    found = Paired(sizes or [1] * len(differences))
    found.add(differences)
    return found


def test_its_error_is_what_it_may_be_by_counting_every_case() -> None:
    """All 2^16 ways in which 16 tasks can differ, each as likely: no more than alpha of them are accepted."""
    for alpha in (0.05, 0.01):
        accepted = sum(decide(list(signs), alpha)[0] == "accept" for signs in itertools.product((1, -1), repeat=16))
        assert 0 < accepted / 2**16 <= alpha


@pytest.mark.parametrize("sizes", [(3,) * 14, (3, 1, 2) * 5, (7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)])
def test_its_error_is_what_it_may_be_if_tasks_of_a_group_stand_and_fall_together(sizes: tuple[int, ...]) -> None:
    """All ways in which groups of one mind can differ. Task by task, many times as many are accepted: the check can fail."""

    def accepted(told: Sequence[int]) -> float:
        count = 0
        for signs in itertools.product((1, -1), repeat=len(sizes)):
            differences = [sign for sign, size in zip(signs, sizes, strict=True) for _ in range(size)]
            count += decide(differences, 0.05, sizes=told)[0] == "accept"
        return count / 2 ** len(sizes)

    assert 0 < accepted(sizes) <= 0.05
    assert accepted((1,) * sum(sizes)) > 0.1


def test_looks_end_where_groups_do() -> None:
    """Of a group that was cut in two, half would stand on either side of a verdict."""
    found = Paired([4, 4, 4, 9, 1, 1])
    assert found.next_look() == 12
    found.add([0] * 12)
    assert found.next_look() == 10
    with pytest.raises(ValueError, match="count together"):
        found.add([0] * 5)


def test_tasks_without_a_difference_take_no_part() -> None:
    """The same wins and losses among many ties decide alike at the end."""
    for wins in range(9):
        signs = [1] * wins + [-1] * (8 - wins)
        among_ties = [one for sign in signs for one in (sign, 0, 0)] + [0] * 6
        accepted = decide(among_ties, 0.05)[0] == "accept"
        assert accepted == (wins >= 7)  # nine of the 256 ways to win seven or eight: 3.5 %


def test_a_perfect_candidate_is_accepted_early_and_a_bad_one_given_up_early() -> None:
    """Neither costs all of the tasks."""
    decision, tasks = decide([1] * 200, 0.005)
    assert decision == "accept"
    assert tasks < 200
    decision, tasks = decide([-1, 0] * 100, 0.005)
    assert decision == "reject"
    assert tasks < 100


def test_a_second_pass_counts_a_task_once() -> None:
    """What a task does twice is one observation: the same outcomes again decide nothing that was undecided."""
    first = [1, 1, 1, 1, -1] + [0] * 35
    found = Paired([1] * 40)
    test = SequentialTest(found, 0.05)
    for begin in range(0, 40, 10):
        found.add(first[begin : begin + 10])
        assert test.look() is None
    assert test.worth_repeating
    assert test.repeat(whole(first)) == "inconclusive"


def test_a_verdict_of_the_second_pass_carries_both() -> None:
    """Wins and losses of each, and the gain over all rollouts, which is what decided."""
    first, second = [1] * 9 + [-1] * 6 + [0] * 25, [1] * 12 + [0] * 28
    found = verdict("accept", whole(first), 0.05, again=whole(second))
    assert (found.wins, found.losses, found.wins_again, found.losses_again) == (9, 6, 12, 0)
    assert (found.tasks, found.rollouts) == (40, 80)
    assert found.gain.estimate == pytest.approx((9 - 6 + 12) / 80)
    alone = verdict("accept", whole(first), 0.05)
    assert (alone.wins_again, alone.rollouts) == (None, 40)


def test_an_inconclusive_verdict_says_how_many_tasks_it_takes() -> None:
    """By the gain and the discordance that were seen; more if the same outcomes came from fewer groups."""
    differences = [1, 0, 0, 0, 0, 1, 0, 0, -1, 0] * 4
    found = verdict("inconclusive", whole(differences), 0.005)
    assert (found.wins, found.losses) == (8, 4)
    assert found.tasks_needed is not None
    assert found.tasks_needed > 40
    together = verdict("inconclusive", whole(sorted(differences), [4] * 10), 0.005)
    assert together.tasks_needed is not None
    assert together.tasks_needed > 2 * found.tasks_needed


def test_the_tasks_needed_are_those_of_the_published_rule_of_thumb() -> None:
    """A fifth discordant, 80 % power, two-sided 5 %: about 30 tasks for 20 points, 150 for 10, 600 for 5."""
    assert tasks_needed(0.10, 0.20, 0.025) == pytest.approx(150, rel=0.15)
    assert tasks_needed(0.05, 0.20, 0.025) == pytest.approx(620, rel=0.15)


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("epochs", range(2, 21))
def test_the_least_wins_are_just_enough(epochs: int, repeats: bool) -> None:
    """A candidate that wins all of so few tasks is accepted; with one fewer nothing could be."""
    alpha = ErrorBudget(epochs - 1).share
    for tasks, enough in (
        (wins_needed(alpha, repeats=repeats), True),
        (wins_needed(alpha, repeats=repeats) - 1, False),
    ):
        found = Paired([1] * tasks)
        found.add([1] * tasks)
        assert (SequentialTest(found, alpha, repeats=repeats).look() == "accept") == enough


def test_what_can_be_won_is_counted_in_groups() -> None:
    """A group of which any task was failed can be won."""
    assert failing_groups([True, True, False, False, True, False], [2, 1, 1, 2]) == 2
    assert failing_groups([False] * 3, [1, 2]) == 0


def test_the_shares_of_a_run_add_up_to_its_error() -> None:
    """At most, whatever candidates are passed by; one that was accepted gives its share back; beyond the last there is none."""
    budget, spent = ErrorBudget(10, 0.05), 0.0
    throws = random.Random(1)
    for _ in range(10):
        share = budget.share
        if throws.random() < 0.5:
            budget.passed_by()
        else:
            spent += share
            budget.tested(share, accepted=False)
    assert 0.025 < spent <= 0.05
    with pytest.raises(ValueError, match="more candidates"):
        _ = budget.share
    passed = ErrorBudget(10, 0.05)
    for _ in range(9):
        passed.passed_by()
    assert passed.share == 0.05
    again = ErrorBudget(2, 0.05)
    again.tested(again.share, accepted=True)
    assert again.share == 0.05
