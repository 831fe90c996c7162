"""Smaller sets that are as good: a stated margin, an error of its own over the run, against the last set that was better."""

from math import comb
from statistics import NormalDist

import pytest
from jigsmith_optimizer.paired import Paired
from jigsmith_optimizer.ties import TIE_MARGIN, TieBudget, as_good, chance_if_worse, in_reach, tasks_without_difference


def outcomes(wins: int, losses: int, tasks: int, *, size: int = 1) -> Paired:
    """Return so many groups won, lost, and in all."""
    found = Paired([size] * tasks)
    found.add([1] * (wins * size) + [-1] * (losses * size) + [0] * ((tasks - wins - losses) * size))
    return found


def test_the_score_is_that_of_a_published_example() -> None:
    """One loss and no win in 44 pairs, margin 0.1: Z = 1.709 (Tango 1998, soft contact lenses)."""
    chance = chance_if_worse(Paired([1] * 44), 0, 1, 0.1)
    assert NormalDist().inv_cdf(1 - chance) == pytest.approx(1.709, abs=5e-4)


@pytest.mark.parametrize("tasks", [60, 100, 200])
@pytest.mark.parametrize("share", [0.05, 0.025, 0.00625])
def test_a_set_that_is_worse_by_the_margin_is_kept_as_rarely_as_was_allowed(tasks: int, share: float) -> None:
    """Counted over every outcome, at several rates of wins; the test is approximate, by a tenth of the share at most."""
    kept = [
        (wins, losses)
        for losses in range(31)
        for wins in range(losses, 31)
        if as_good(outcomes(wins, losses, tasks), share)
    ]
    for won in (0.0001, 0.01, 0.04):
        lost = won + TIE_MARGIN
        error = sum(
            comb(tasks, wins)
            * comb(tasks - wins, losses)
            * won**wins
            * lost**losses
            * (1 - won - lost) ** (tasks - wins - losses)
            for wins, losses in kept
        )
        assert error <= 1.1 * share


def test_a_real_tie_is_found_with_enough_tasks_and_only_then() -> None:
    """Where nothing differs, and as many as is said."""
    for share in (0.05, 0.025):
        enough = tasks_without_difference(share)
        assert as_good(outcomes(0, 0, enough), share)
        assert not as_good(outcomes(0, 0, enough - 1), share)
    assert tasks_without_difference(0.05) == 52
    assert not as_good(outcomes(2, 3, 500), 0.05)  # behind is not level
    assert as_good(outcomes(3, 3, 500), 0.05)


def test_groups_count_as_one_observation() -> None:
    """Three questions each of thirty tables are thirty, not ninety."""
    assert as_good(outcomes(0, 0, 90), 0.05)
    assert not as_good(outcomes(0, 0, 30, size=3), 0.05)


def test_nothing_is_decided_before_all_tasks_were_seen_but_what_is_hopeless_is_given_up() -> None:
    """Looking for a good moment would favour sets that are a little worse."""
    found = Paired([1] * 200)
    found.add([0] * 150)
    assert in_reach(found, 0.025)
    assert not as_good(found, 0.025)
    found.add([-1] * 10)
    assert not in_reach(found, 0.025)
    assert not in_reach(Paired([1] * 40), 0.025)  # never enough


def test_the_shares_of_all_ties_of_a_run_add_up_to_its_error() -> None:
    """However many there are; the last one takes what is left, and a tie that was found costs nothing."""
    budget, spent = TieBudget(0.05), 0.0
    for number in range(30):
        share = budget.share
        accepted = number % 3 == 2
        budget.tested(share, accepted=accepted)
        spent += 0 if accepted else share
    assert spent + budget.last_share == pytest.approx(0.05)
    assert TieBudget(0.05).last_share == 0.05
