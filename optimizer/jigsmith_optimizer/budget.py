"""What a run may spend: requests, tokens, seconds, money. Asked before each request, so that nothing is begun beyond it."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from time import monotonic
from typing import Any, Final

_MICRO: Final = 1_000_000


class BudgetExhaustedError(Exception):
    """The next request would go beyond the budget; the message says which limit it was."""


class PricesError(Exception):
    """The price table cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in millionths of the currency per token (units of the currency per million tokens)."""

    input: float
    output: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what a request costs, in units of the currency."""
        return (self.input * prompt_tokens + self.output * completion_tokens) / _MICRO


def load_prices(path: Path | None = None) -> dict[str, Price]:
    """Read a price table (default: the shipped one): `[model]` with `input` and `output` per million tokens."""
    source = path or resources.files("jigsmith_optimizer").joinpath("prices.toml")
    try:
        table: dict[str, Any] = tomllib.loads(source.read_text(encoding="utf-8"))
        return {
            name: Price(float(row["input"]), float(row["output"]))
            for name, row in table.items()
            if min(float(row["input"]), float(row["output"])) >= 0
        }
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PricesError(f"{source}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise PricesError(f"{source}: each model is a table with the numbers `input` and `output`: {error}") from error


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a run may spend; None is no limit."""

    requests: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    money: float | None = None


@dataclass(slots=True)
class Spend:
    """What was spent: attempts at requests, tokens, money."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    money: float = 0.0

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(slots=True)
class Budget:
    """What is left. Requests under way count with what they are expected to use."""

    limits: Limits = field(default_factory=Limits)
    prices: dict[str, Price] = field(default_factory=dict)
    spent: Spend = field(default_factory=Spend)
    seconds_before: float = 0.0
    """What earlier parts of a resumed run took."""
    _began: float = field(default_factory=monotonic)
    _expected: Spend = field(default_factory=Spend)

    @property
    def seconds(self) -> float:
        """How long the run has taken."""
        return self.seconds_before + monotonic() - self._began

    def check_prices(self, *models: str) -> None:
        """Raise PricesError if money is limited and a model has no price."""
        unknown = [name for name in models if name not in self.prices]
        if self.limits.money is not None and unknown:
            raise PricesError(
                f"no price is known for {', '.join(unknown)}: add it to a file, and give that as --prices"
            )

    @contextmanager
    def request(self, model: str, prompt_tokens: int) -> Iterator[None]:
        """Hold room for one attempt at a request of about so many tokens. Raises BudgetExhaustedError without room."""
        expected = Spend(1, prompt_tokens, 0, self._cost(model, prompt_tokens, 0))
        self._check(expected)
        self._move(self._expected, expected, 1)
        try:
            yield
        finally:
            self._move(self._expected, expected, -1)
            self.spent.requests += 1

    def used(self, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what an answer says that it took."""
        self.spent.prompt_tokens += prompt_tokens
        self.spent.completion_tokens += completion_tokens
        self.spent.money += self._cost(model, prompt_tokens, completion_tokens)

    def _check(self, more: Spend) -> None:
        spent, under_way = self.spent, self._expected
        uses: tuple[tuple[str, float, float | None, str], ...] = (
            ("requests", spent.requests + under_way.requests + more.requests, self.limits.requests, "--max-requests"),
            ("tokens", spent.tokens + under_way.tokens + more.tokens, self.limits.tokens, "--max-tokens"),
            ("seconds", self.seconds, self.limits.seconds, "--max-seconds"),
            ("money", spent.money + under_way.money + more.money, self.limits.money, "--max-cost"),
        )
        for what, use, limit, option in uses:
            if limit is not None and use > limit:
                raise BudgetExhaustedError(f"the budget of {limit:g} {what} ({option}) has no room for another request")

    def _cost(self, model: str, prompt_tokens: int, completion_tokens: int) -> float:
        price = self.prices.get(model)
        return 0.0 if price is None else price.of(prompt_tokens, completion_tokens)

    @staticmethod
    def _move(spend: Spend, other: Spend, sign: int) -> None:
        spend.requests += sign * other.requests
        spend.prompt_tokens += sign * other.prompt_tokens
        spend.completion_tokens += sign * other.completion_tokens
        spend.money += sign * other.money
