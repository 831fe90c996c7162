"""What a run may spend: requests, tokens, seconds, money. Asked before each request, so that nothing is begun beyond it."""

import math
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from time import monotonic
from typing import Any, Final

_MICRO: Final = 1_000_000
_CHARS_PER_TOKEN: Final = 4
"""A guess, for prompts that are yet to be sent and for endpoints that do not say what an answer took."""


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


def tokens_in(characters: int) -> int:
    """Return about how many tokens so many characters are."""
    return -(-characters // _CHARS_PER_TOKEN)


def load_prices(path: Path | None = None) -> dict[str, Price]:
    """Read a price table (default: the shipped one): `[model]` with `input` and `output` per million tokens."""
    source = path or resources.files("jigsmith_optimizer").joinpath("prices.toml")
    try:
        table: dict[str, Any] = tomllib.loads(source.read_text(encoding="utf-8"))
        return {name: Price(_amount(name, row, "input"), _amount(name, row, "output")) for name, row in table.items()}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PricesError(f"{source}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise PricesError(f"{source}: each model is a table with the numbers `input` and `output`: {error}") from error


def _amount(model: str, row: dict[str, Any], field_name: str) -> float:
    """Return a price. Raises KeyError, TypeError, ValueError: with one that is no amount, money would not be limited."""
    amount = float(row[field_name])
    if not (math.isfinite(amount) and amount >= 0):
        raise ValueError(f"{model}: `{field_name}` is {amount:g}, and no amount of money")
    return amount


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


Keep = Callable[[int, float], None]
"""Called with all attempts and seconds so far, so that they outlive the process."""


@dataclass(slots=True)
class Budget:
    """What is left. Requests under way count with what they are expected to use."""

    limits: Limits = field(default_factory=Limits)
    prices: dict[str, Price] = field(default_factory=dict)
    spent: Spend = field(default_factory=Spend)
    seconds_before: float = 0.0
    """What earlier parts of a resumed run took."""
    keep: Keep = lambda _requests, _seconds: None
    """Called before each attempt is sent, and after it."""
    estimated: bool = False
    """Whether some endpoint did not say what its answers took: then tokens, and money with them, are a guess."""
    _began: float | None = field(default_factory=monotonic)
    """None if the clock stands."""
    _expected: Spend = field(default_factory=Spend)
    _by_model: dict[str, Spend] = field(default_factory=dict)
    """Answers (as `requests`) and their tokens. Money is the price of the sums, so that it does not depend on an order."""

    @property
    def seconds(self) -> float:
        """How long the run has taken."""
        return self.seconds_before + (0.0 if self._began is None else monotonic() - self._began)

    def stop(self) -> None:
        """Stop the clock for good: what comes now, a report or a replay, is no part of the run."""
        self.seconds_before, self._began = self.seconds, None

    def check_prices(self, *models: str) -> None:
        """Raise PricesError if money is limited and a model has no price."""
        unknown = sorted({name for name in models if name not in self.prices})
        if self.limits.money is not None and unknown:
            raise PricesError(
                f"no price is known for {', '.join(unknown)}: add it to a file, and give that as --prices"
            )

    @contextmanager
    def request(self, model: str, prompt_tokens: int, completion_max: int | None = None) -> Iterator[None]:
        """Hold room for one attempt at a request. Raises BudgetExhaustedError without room.

        Its answer is expected to take `completion_max` tokens, or without such a bound as many as answers took so far.
        """
        completion = self._usual(model) if completion_max is None else completion_max
        expected = Spend(1, prompt_tokens, completion, self._cost(model, prompt_tokens, completion))
        self._check(expected)
        self.spent.requests += 1  # an attempt is spent when it is sent, whatever becomes of it
        expected.requests = 0
        self._move(self._expected, expected, 1)
        self.keep(self.spent.requests, self.seconds)
        try:
            yield
        finally:
            self._move(self._expected, expected, -1)
            self.keep(self.spent.requests, self.seconds)

    def used(self, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what an answer says that it took."""
        self._move(self._by_model.setdefault(model, Spend()), Spend(1, prompt_tokens, completion_tokens), 1)
        self.spent.prompt_tokens += prompt_tokens
        self.spent.completion_tokens += completion_tokens
        self.spent.money = sum(
            self._cost(name, one.prompt_tokens, one.completion_tokens) for name, one in sorted(self._by_model.items())
        )

    def _usual(self, model: str) -> int:
        """Return the mean completion of a model so far, rounded up; of all models before its first answer."""
        of_model = self._by_model.get(model)
        known = [of_model] if of_model else list(self._by_model.values())
        answers = sum(one.requests for one in known)
        return math.ceil(sum(one.completion_tokens for one in known) / answers) if answers else 0

    def _check(self, more: Spend) -> None:
        spent, under_way = self.spent, self._expected
        uses: tuple[tuple[str, float, float | None, str], ...] = (
            ("requests", spent.requests + more.requests, self.limits.requests, "--max-requests"),
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
