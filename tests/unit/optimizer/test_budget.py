"""The budget: nothing is begun beyond it, and what was spent is counted."""

from pathlib import Path

import pytest
from jigsmith_optimizer.budget import Budget, BudgetExhaustedError, Limits, Price, PricesError, load_prices


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
