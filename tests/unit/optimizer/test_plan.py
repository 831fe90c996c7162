"""What a run's tasks can show: said before anything is spent, by playing the run through, and again of the baseline."""

import pytest
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.training import SettingsError, TooFewTasksError, check_tasks
from jigsmith_optimizer.training.plan import groups_needed, too_good
from jigsmith_optimizer.training.power import Plan, chance_of_acceptance, gain_found
from jigsmith_optimizer.training.settings import Settings


def tasks(count: int, *, size: int = 1) -> list[Task]:
    """Return tasks in groups of this size."""
    return [Task(f"{n}", f"what is {n}?", "1", group=f"table {n // size}" if size > 1 else "") for n in range(count)]


def plan(count: int, **changed) -> Plan:
    """Return the plan of a run with so many validation tasks."""
    return Plan(
        **{
            "sizes": (1,) * count, "train": 150, "screen": 20, "candidates": 9, "alpha": 0.05, "target_gain": 0.15,
            "repeats": True,
        } | changed
    )  # fmt: skip


@pytest.mark.parametrize("count", [40, 60, 100, 200])
def test_the_gain_that_is_promised_is_found(count: int) -> None:
    """With 80 %, by more runs than it was derived from; a gain a fifth smaller is not."""
    gain = gain_found(plan(count))
    assert gain is not None
    assert chance_of_acceptance(plan(count), gain, runs=600) > 0.8 - 0.06
    assert chance_of_acceptance(plan(count), gain * 0.8, runs=600) < 0.8


def test_more_tasks_find_smaller_gains_and_groups_hide_them() -> None:
    """Also beyond what is played through."""
    gains = [gain_found(plan(count)) for count in (40, 100, 400, 1_600)]
    assert None not in gains
    assert gains == sorted(gains, reverse=True)
    assert gains[3] < 0.75 * gains[2]
    assert gain_found(plan(0, sizes=(3,) * 67)) > gain_found(plan(200)) + 0.05
    assert gain_found(plan(5)) is None


def test_a_person_is_told_what_can_be_found() -> None:
    """At worst; twice if tasks come in groups; and what it takes to show that a smaller set is as good."""
    found = check_tasks(Settings("r"), 150, tasks(200))
    assert f"a gain of {round(100 * found.gain)} points or more is found with a chance of 80 %" in found.sentence
    assert "groups" not in found.sentence
    assert "smaller set" not in found.sentence
    grouped = check_tasks(Settings("r"), 150, tasks(60, size=3))
    assert "60 validation tasks in 20 groups" in grouped.sentence
    assert grouped.gain_together is None or grouped.gain_together > grouped.gain
    assert "to show that a smaller set is as good it takes 73 tasks" in grouped.sentence


@pytest.mark.parametrize(("epochs", "needed"), [(2, 5), (10, 8), (11, 9), (12, 9), (13, 9), (14, 9)])
def test_too_few_tasks_are_those_with_which_even_a_perfect_candidate_fails(epochs: int, needed: int) -> None:
    """It has the first pass' share only: one that never loses is not rolled out twice."""
    settings = Settings("r", epochs=epochs)
    assert groups_needed(settings) == needed
    with pytest.raises(TooFewTasksError, match=f"at least {needed}"):
        check_tasks(settings, 20, tasks(needed - 1))
    check_tasks(settings, 20, tasks(needed))


def test_too_few_groups_are_too_few_tasks() -> None:
    """However many questions are asked about them."""
    with pytest.raises(TooFewTasksError, match="7 groups of validation tasks"):
        check_tasks(Settings("r"), 20, tasks(70, size=10))


def test_a_set_that_fails_too_little_leaves_nothing_to_be_won() -> None:
    """And it is said what would."""
    assert too_good(Settings("r"), 8, 200) == ""
    said = too_good(Settings("r"), 7, 200)
    assert "failed 7 of 200" in said
    assert "fewer than 8 wins" in said


def test_epochs_that_do_not_count_have_no_share_of_the_error() -> None:
    """So trusted training refuses them; the paper's algorithm, which bounds no error, does not."""
    with pytest.raises(SettingsError, match="agent-optimizer"):
        Settings("r", epochs=2, count_epochs="accepted")
    Settings("r", "agent-optimizer", epochs=2, count_epochs="accepted")
