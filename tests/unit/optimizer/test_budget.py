"""The budget: nothing is begun beyond it, and what was spent is counted."""

import contextlib
import itertools
import time
from pathlib import Path

import pytest
from jigsmith_optimizer.budget import Budget, BudgetExhaustedError, Limits, Price, PricesError, load_prices
from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.llm.endpoint import Access
from jigsmith_optimizer.session import JOURNAL, Means, RuntimeAddress, Session, Who


def test_requests_are_counted_also_while_they_are_under_way() -> None:
    """So that side by side they do not go beyond the limit together."""
    budget = Budget(Limits(requests=2))
    with budget.request("m", 1), budget.request("m", 1), pytest.raises(BudgetExhaustedError, match="--max-requests"):
        budget.request("m", 1).__enter__()
    assert budget.spent.requests == 2
    with pytest.raises(BudgetExhaustedError):
        budget.request("m", 1).__enter__()


def test_tokens_and_money() -> None:
    """By what answers say they took; a prompt has to fit in before it is sent."""
    budget = Budget(Limits(tokens=100, money=0.5), {"m": Price(1_000.0, 10_000.0)})
    with budget.request("m", 60):
        budget.used("m", 60, 10)
    assert (budget.spent.tokens, round(budget.spent.money, 6)) == (70, 0.16)
    with pytest.raises(BudgetExhaustedError, match="--max-tokens"):
        budget.request("m", 31).__enter__()
    budget.used("m", 0, 20)
    with pytest.raises(BudgetExhaustedError, match="--max-cost"):
        budget.request("m", 10_000).__enter__() if budget.limits.tokens is None else Budget(
            Limits(money=0.5), budget.prices, budget.spent
        ).request("m", 200).__enter__()


def test_seconds_count_earlier_parts_of_a_run() -> None:
    """A run that is resumed has not more time for it."""
    with pytest.raises(BudgetExhaustedError, match="--max-seconds"):
        Budget(Limits(seconds=10), seconds_before=11).request("m", 1).__enter__()


def test_a_price_table_of_ones_own(tmp_path: Path) -> None:
    """A model without a price is named before anything is spent; a faulty table says where."""
    assert load_prices()
    path = tmp_path / "prices.toml"
    path.write_text("[mine]\ninput = 1\noutput = 2.5\n")
    budget = Budget(Limits(money=1), load_prices(path))
    budget.check_prices("mine")
    with pytest.raises(PricesError, match="other"):
        budget.check_prices("mine", "other")
    for text in ("[mine]\ninput = 1\n", "mine = 3\n", "[mine"):
        path.write_text(text)
        with pytest.raises(PricesError, match=r"prices\.toml"):
            load_prices(path)
    # A model that were dropped, or a price that compares with nothing, would leave money without a limit.
    for row in ("input = -1\noutput = 2", "input = 1\noutput = nan", "input = inf\noutput = 2"):
        path.write_text(f"[mine]\n{row}\n")
        with pytest.raises(PricesError, match=r"mine: `(input|output)` is"):
            load_prices(path)


def test_completions_under_way_have_room() -> None:
    """As many tokens as answers took so far, or as the request allows for; side by side they stay within the limit."""
    budget = Budget(Limits(tokens=1_000), {"m": Price(1.0, 1.0)})
    with budget.request("m", 10):
        budget.used("m", 10, 90)
    with budget.request("m", 10), budget.request("m", 10), contextlib.ExitStack() as more:
        for _ in range(7):
            more.enter_context(budget.request("m", 10))
        with pytest.raises(BudgetExhaustedError, match="--max-tokens"):
            budget.request("m", 10).__enter__()
        for _ in range(9):
            budget.used("m", 10, 90)
    assert budget.spent.tokens == 1_000
    with pytest.raises(BudgetExhaustedError):
        Budget(Limits(tokens=1_000)).request("m", 10, 991).__enter__()


def test_attempts_and_time_are_kept_as_they_happen() -> None:
    """Before an attempt is sent, so that a process that is killed has told of it; also if it fails."""
    kept: list[tuple[int, float]] = []
    budget = Budget(seconds_before=5.0, keep=lambda requests, seconds: kept.append((requests, seconds)))
    attempt = budget.request("m", 1)
    attempt.__enter__()
    assert kept[-1][0] == 1
    assert kept[-1][1] >= 5
    assert not attempt.__exit__(OSError, OSError("no"), None)
    assert budget.spent.requests == 1
    budget.stop()
    stood = budget.seconds
    time.sleep(0.01)
    assert budget.seconds == stood


def test_money_does_not_depend_on_the_order_of_answers() -> None:
    """A replay adds up the same answers in another order, and has to come to the same figure to the last digit."""
    answers = [("m", 7, 3), ("n", 11, 13), ("m", 1_001, 17), ("n", 3, 1)]
    found = set()
    for order in itertools.permutations(answers):
        budget = Budget(prices={"m": Price(0.1, 0.7), "n": Price(2.3, 1.1)})
        for one in order:
            budget.used(*one)
        found.add(budget.spent.money)
    assert len(found) == 1


async def test_a_replay_adds_no_time_of_its_own(tmp_path: Path) -> None:
    """Not even what passed while it was being set up: its report has to be the run's to the byte."""
    async with Journal(tmp_path / JOURNAL) as journal:
        journal.keep("spent", [3, 7.25])
    replay = Session(tmp_path, "run-1", Who("set", "m", "m"), Means(RuntimeAddress(), Access()), seed=1, replay=True)
    assert (replay.budget.spent.requests, replay.budget.seconds) == (3, 7.25)
    await replay.journal.aclose()
