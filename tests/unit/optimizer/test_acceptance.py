"""The sequential paired test: its error is exact, and what it says can be checked by counting."""

import itertools
import math
import random

import pytest
from jigsmith_optimizer.acceptance import (
    ErrorBudget,
    SequentialTest,
    gain_detectable,
    not_worse,
    tasks_needed,
    wins_needed,
)
from jigsmith_optimizer.intervals import paired_gain, wilson

from benchmarks.acceptance import measure


def decide(differences: list[int], alpha: float, *, tasks: int | None = None) -> tuple[str | None, int]:
    """Feed a test look by look, without a second pass; return its decision and how many tasks it took."""
    test = SequentialTest(tasks or len(differences), alpha, repeats=False)
    done = 0
    while size := test.next_look():
        decision = test.look(differences[done : done + size])
        done += size
        if decision is not None:
            return decision, done
    return None, done


def test_its_error_is_what_it_may_be_by_counting_every_case() -> None:
    """All 2^16 ways in which 16 tasks can differ, each as likely: no more than alpha of them are accepted."""
    for alpha in (0.05, 0.01):
        accepted = sum(decide(list(signs), alpha)[0] == "accept" for signs in itertools.product((1, -1), repeat=16))
        assert 0 < accepted / 2**16 <= alpha


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
    test = SequentialTest(40, 0.05)
    first = [1, 1, 1, 1, -1] + [0] * 35
    assert test.look(first[:10]) is None
    for begin in range(10, 40, 10):
        assert test.look(first[begin : begin + 10]) is None
    assert test.worth_repeating
    assert test.repeat(first) == "inconclusive"


def test_an_inconclusive_verdict_says_how_many_tasks_it_takes() -> None:
    """By the gain and the discordance that were seen."""
    test = SequentialTest(40, 0.005)
    for _ in range(4):
        test.look([1, 0, 0, 0, 0, 1, 0, 0, -1, 0])
    verdict = test.verdict("inconclusive", "", rollouts=40)
    assert (verdict.wins, verdict.losses) == (8, 4)
    assert verdict.tasks_needed is not None
    assert verdict.tasks_needed > 40


def test_the_tasks_needed_are_those_of_the_published_rule_of_thumb() -> None:
    """A fifth discordant, 80 % power, two-sided 5 %: about 30 tasks for 20 points, 150 for 10, 600 for 5."""
    assert tasks_needed(0.10, 0.20, 0.025) == pytest.approx(150, rel=0.15)
    assert tasks_needed(0.05, 0.20, 0.025) == pytest.approx(620, rel=0.15)


def test_least_tasks() -> None:
    """Eight wins without a loss are the least at 0.5 %; what a few tasks can find is said beforehand."""
    assert wins_needed(0.005) == 8
    assert gain_detectable(7, 0.005) is None
    small, large = gain_detectable(40, 0.005), gain_detectable(200, 0.005)
    assert small is not None
    assert large is not None
    assert large < 0.2 < small


def test_the_shares_of_a_run_add_up_to_its_error() -> None:
    """At most, whatever candidates are passed by; one that was accepted gives its share back."""
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
    passed = ErrorBudget(10, 0.05)
    for _ in range(9):
        passed.passed_by()
    assert passed.share == 0.05
    again = ErrorBudget(2, 0.05)
    again.tested(again.share, accepted=True)
    assert again.share == 0.05


def test_equal_is_only_what_is_shown_to_be_equal() -> None:
    """A handful of tasks shows nothing; a candidate that is behind is not equal."""
    assert not_worse(0, 0, 200)
    assert not not_worse(0, 0, 10)
    assert not not_worse(3, 4, 200)


def test_intervals_hold_what_they_are_of() -> None:
    """And match a published example: 81 of 263 is 0.2553 to 0.3662 (Newcombe 1998)."""
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0).high == 1
    gain = paired_gain(30, 10, 100)
    assert gain.low < 0.2 == gain.estimate < gain.high
    assert math.isclose(paired_gain(0, 0, 50).estimate, 0)


def test_planted_truth_over_whole_runs() -> None:
    """Ten worthless candidates: at most 5 % of runs keep any (400 runs, with room for chance); good ones are found, cheaper."""
    found = measure(400, seed=3)
    for kind in ("luck", "tasks"):
        assert found[f"accept_sequential_{kind}_false_runs"] <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)
        assert found[f"accept_sequential_{kind}_power"] >= 0.8 - 2 * math.sqrt(0.8 * 0.2 / 400)
        assert found[f"accept_sequential_{kind}_rollouts_worthless"] < 200
        # The check can fail: the paper's rule keeps something useless in nearly every run.
        assert found[f"accept_strict_gain_{kind}_false_runs"] > 0.5
