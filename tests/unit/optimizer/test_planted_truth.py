"""Whole runs whose truth is planted: what the procedure keeps, and how often it errs. The rivals show that checks can fail."""

import math

import pytest

from benchmarks import acceptance

RUNS = 300


def at_most(share: float) -> float:
    """Return what a share may be seen to be, with two standard errors of chance."""
    return share + 2 * math.sqrt(share * (1 - share) / RUNS)


def at_least(share: float) -> float:
    """Return the same on the other side."""
    return share - 2 * math.sqrt(share * (1 - share) / RUNS)


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    """Measure once."""
    return acceptance.measure(RUNS, seed=3)


@pytest.mark.parametrize("kind", acceptance.WORLDS)
def test_ten_useless_candidates_are_rarely_kept(found: dict[str, float], kind: str) -> None:
    """At most 5 % of runs keep any, whatever tasks have to do with each other; the paper's rule does in nearly every run."""
    assert found[f"accept_sequential_{kind}_false_runs"] <= at_most(0.05)
    assert found[f"accept_strict_gain_{kind}_false_runs"] > 0.5


def test_groups_that_are_not_told_would_break_the_bound(found: dict[str, float]) -> None:
    """With TAT-QA's tables, if all tasks of a table stand and fall together: in more than a quarter of the runs."""
    assert found["accept_sequential_by_task_tables_false_runs"] > 0.2


@pytest.mark.parametrize("kind", ["luck", "tasks"])
def test_good_candidates_are_found_at_a_price(found: dict[str, float], kind: str) -> None:
    """Fifteen points in 200 tasks, screen included; nine useless ones and a good one take fewer rollouts than 200 each."""
    assert found[f"accept_sequential_{kind}_power"] >= at_least(0.8)
    useless, good = (found[f"accept_sequential_{kind}_rollouts_{one}"] for one in ("worthless", "good"))
    assert (9 * useless + good) / 10 < 200


def test_ties_are_found_and_losses_do_not_add_up(found: dict[str, float]) -> None:
    """A set that is worse by the margin is kept by at most 5 % of runs, nor do small losses lead there."""
    assert found["ties_ours_equal_kept"] == 1
    assert found["ties_ours_5_points_worse_in_9_kept"] <= at_most(0.05)
    assert found["ties_ours_5_points_lost_by_steps_of_2"] <= at_most(0.05)
    assert found["ties_ours_2_points_worse_in_9_kept"] < found["ties_plain_2_points_worse_in_9_kept"]


def test_pruning_spares_what_is_useful(found: dict[str, float]) -> None:
    """What is chosen on D_train is judged on D_val; judged by the tasks that chose them, useful functions go more often."""
    assert found["prune_ours_luck_useful_removed"] <= at_most(0.05)
    assert found["prune_ours_luck_useful_removed"] < found["prune_plain_luck_useful_removed"] / 2
    assert found["prune_ours_fixed_idle_removed"] > 0.8
