"""Intervals of shares and of gains: published examples, and how often they hold the truth."""

import math
import random

import pytest
from jigsmith_optimizer.agents import Conversation
from jigsmith_optimizer.comparison import compared
from jigsmith_optimizer.intervals import paired_gain, wilson
from jigsmith_optimizer.paired import in_groups
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.tasks import Task


def test_shares_match_a_published_example() -> None:
    """81 of 263 is 0.2553 to 0.3662 (Newcombe 1998)."""
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0).high == 1


def test_without_groups_a_gain_is_that_of_agresti_and_min() -> None:
    """Wald's interval after half a task was added to each of the four cells (2005): here by its own formula."""
    sums = [1] * 30 + [-1] * 10 + [0] * 60
    half = 1.959964 * math.sqrt(41 - 20**2 / 102) / 102
    found = paired_gain(sums, [1] * 100)
    assert found.estimate == 0.2
    assert (found.low, found.high) == pytest.approx((20 / 102 - half, 20 / 102 + half), abs=1e-6)
    assert paired_gain([], []).low == -1


def test_groups_of_one_mind_are_as_many_observations_as_there_are_groups() -> None:
    """Three tasks each that say the same tell as much as one: the interval is that of one in three."""
    alone, together = (
        paired_gain([1] * 30 + [-1] * 10 + [0] * 60, [1] * 100),
        paired_gain([3] * 30 + [-3] * 10 + [0] * 60, [3] * 100),
    )
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))


def test_it_holds_the_truth_as_often_as_it_says_whatever_groups_do() -> None:
    """Sixty tables of one to five questions that succeed and fail together: 95 %, where intervals by task hold it in 75 %."""
    throws, runs = random.Random(4), 1_000
    robust = by_task = 0
    for _ in range(runs):
        sizes = [throws.randint(1, 5) for _ in range(60)]
        sums = [size * ((throws.random() < 0.7) - (throws.random() < 0.6)) for size in sizes]
        found = paired_gain(sums, sizes)
        robust += found.low <= 0.1 <= found.high
        flat = [sign for one, size in zip(sums, sizes, strict=True) for sign in [one // size] * size]
        found = paired_gain(flat, [1] * len(flat))
        by_task += found.low <= 0.1 <= found.high
    assert robust / runs > 0.93
    assert by_task / runs < 0.85


def test_two_evaluations_are_compared_by_group_in_whatever_order_they_stand() -> None:
    """A task without a group is one of its own; the same question twice is not."""
    rows = [("a", "t1"), ("b", ""), ("c", "t1"), ("d", "t2"), ("e", "t1")]
    tasks = [Task(name, f"what is {name}?", "1", group=group) for name, group in rows]
    tasks.append(Task("f", "what is b?", "1"))

    def solved(*ids: str) -> Evaluation:
        return Evaluation(tuple(Rollout(one, Conversation(final_text=""), one.id in ids) for one in tasks))

    found = compared(solved("a", "c", "d"), solved("e", "b", "f"))
    assert sorted(zip(found.sizes, found.sums, strict=True)) == [(1, 1), (2, -2), (3, 1)]
    assert (found.wins, found.losses) == (3, 3)
    orders = {tuple(len(group) for group in in_groups(tasks, seed)) for seed in "abcdefgh"}
    assert len(orders) > 1
    assert all(sorted(one) == [1, 2, 3] for one in orders)
