"""A run put together: journal, budget, models, runtime, graders, rollouts. What every command works in."""

from contextlib import AsyncExitStack
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from jigsmith import DEFAULT_ADDRESS, AsyncClient, StateError

from jigsmith_optimizer import run_python
from jigsmith_optimizer.agents import AGENTS, AgentName
from jigsmith_optimizer.budget import Budget, Limits, Price, load_prices
from jigsmith_optimizer.grading import Graders
from jigsmith_optimizer.journal import Journal, JournalError
from jigsmith_optimizer.llm import Access, Model
from jigsmith_optimizer.rollout import Rollouts
from jigsmith_optimizer.weights import Function, FunctionStore, Weights

JOURNAL: Final = "journal.sqlite"
_CALL_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class RuntimeAddress:
    """Where the runtime is, and as whom it is asked."""

    address: str = DEFAULT_ADDRESS
    token: str | None = None
    root_certificates: bytes | None = None

    def connect(self) -> AsyncClient:
        """Return a connection."""
        return AsyncClient(
            self.address, token=self.token, timeout_s=_CALL_TIMEOUT_S, root_certificates=self.root_certificates
        )


@dataclass(frozen=True, slots=True)
class Who:
    """Which models work with which functions. Together with tasks and settings this decides a run's outcome."""

    function_set: str
    model: str
    """The agent's."""
    optimizer_model: str
    agent: AgentName = "tools"
    interpreter: bool = False
    """Whether the agent has `run_python`."""
    revision: str | None = None
    """To start from; None is an empty set."""


@dataclass(frozen=True, slots=True)
class Means:
    """How it is done; another machine or endpoint may go on with the same run."""

    runtime: RuntimeAddress
    access: Access
    concurrency: int = 4
    limits: Limits = field(default_factory=Limits)
    prices: Path | None = None
    optimizer_access: Access | None = None
    """Of the optimizer's model; None is the agent's."""


class Session:
    """An async context manager: everything is closed again, whatever happens."""

    def __init__(self, folder: Path, run: str, who: Who, means: Means, *, seed: int, replay: bool = False) -> None:
        """`folder` holds the journal. Raises JournalError, PricesError."""
        self.folder, self.run, self.who, self.means, self._seed = folder, run, who, means, seed
        self.budget = Budget(means.limits, load_prices(means.prices))
        self.budget.check_prices(who.model, who.optimizer_model)
        self.journal = Journal(folder / JOURNAL, replay=replay)
        self.replay = replay
        self._stack = AsyncExitStack()
        self._client: AsyncClient | None = None
        self._take_up_spend()

    def _take_up_spend(self) -> None:
        """Count what earlier parts of the run spent, and go on counting; a replay spends nothing, not even time."""
        budget, journal = self.budget, self.journal
        if self.replay:
            budget.stop()  # first: until here its clock ran
            # What the run's money was counted by, whatever table is shipped by now.
            budget.prices = {name: Price(*price) for name, price in (journal.fact("prices") or {}).items()}
        for answer in journal.each("answer"):
            budget.used(answer["model"], *answer["usage"])
            budget.estimated |= answer["estimated"]
        budget.spent.requests, budget.seconds_before = journal.fact("spent") or (0, 0.0)
        if self.replay:
            return
        self._keep_prices(self.who.model, self.who.optimizer_model)
        budget.keep = lambda requests, seconds: journal.keep("spent", [requests, seconds], synced=False)

    def _keep_prices(self, *models: str) -> None:
        known = self.journal.fact("prices") or {}
        found = {name: astuple(self.budget.prices[name]) for name in models if name in self.budget.prices}
        self.journal.keep("prices", known | found)

    def stop_counting(self) -> None:
        """Let the run be over: its time stands, and what comes now is no part of it."""
        self.budget.stop()
        if not self.replay:
            self.journal.keep("spent", [self.budget.spent.requests, self.budget.seconds])

    async def __aenter__(self) -> Self:
        """Connect."""
        if not self.replay:
            self._client = await self._stack.enter_async_context(self.means.runtime.connect())
        access = self.means.access
        self.model = await self._stack.enter_async_context(Model(self.who.model, access, self.journal, self.budget))
        self.optimizer_model = await self._stack.enter_async_context(
            Model(self.who.optimizer_model, self.means.optimizer_access or access, self.journal, self.budget)
        )
        self.store = FunctionStore(self._client, self.who.function_set, self.journal, self.run)
        self.rollouts = self.rollouts_of(self.model)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close everything, the journal first: what is paid for and under way still needs the models, whenever they came."""
        try:
            await self._close_journal()
        finally:
            await self._stack.aclose()

    async def _close_journal(self) -> None:
        try:
            self.stop_counting()
        finally:
            await self.journal.aclose()

    @property
    def kept(self) -> frozenset[str]:
        """Names of functions that training must leave alone."""
        return frozenset({run_python.NAME}) if self.who.interpreter else frozenset()

    def rollouts_of(self, model: Model) -> Rollouts:
        """Return rollouts with another model."""
        return Rollouts(
            agent=AGENTS[self.who.agent](),
            model=model,
            store=self.store,
            grader=Graders(lambda: self.store.client),
            journal=self.journal,
            seed=self._seed,
            concurrency=self.means.concurrency,
        )

    async def another_model(
        self, name: str, *, temperature: float | None = None, access: Access | None = None
    ) -> Model:
        """Return another model, at the same endpoint if `access` names no other, or at another temperature (None is no other).

        It has not been probed.
        """
        self.budget.check_prices(name)
        if not self.replay:
            self._keep_prices(name)
        access = access or self.means.access
        access = access if temperature is None else replace(access, temperature=temperature)
        return await self._stack.enter_async_context(Model(name, access, self.journal, self.budget))

    async def probe(self, *, optimizer: bool) -> list[str]:
        """Ask each model for something small; return remarks on what they may lack. Raises ModelError saying what to do."""
        remarks = [await self.model.probe(tools=self.who.agent == "tools")]
        same = self.who.optimizer_model == self.who.model and self.means.optimizer_access is None
        if optimizer and not (same and self.who.agent == "tools"):
            remarks.append(await self.optimizer_model.probe(tools=True))
        if self.budget.estimated:
            remarks.append(
                "the endpoint does not say what its answers take (`usage`): tokens, and money with them, are an estimate, "
                "a token for four characters"
            )
        return [one for one in remarks if one]

    async def open_set(self, message: str) -> Weights:
        """Record the set to start from, with the agent's interpreter if it has one."""
        weights = await self.store.open(self.who.revision, message)
        if not self.who.interpreter:
            return weights

        async def step() -> dict[str, Any]:
            version = await run_python.register(self.store.client, self.who.function_set)
            return asdict(Function.of(await self.store.client.get_function_version(version)))

        function = Function(**await self.journal.once("interpreter", self.who.function_set, step))
        functions = {**weights.functions, run_python.NAME: function}
        message = f"{self.run}: with {run_python.NAME}"
        try:
            return await self.store.revise(functions, parent=weights.revision, message=message)
        except StateError as error:
            raise run_python.InterpreterRefusedError.of(error, self.who.function_set) from error

    def check_same(self, name: str, value: Any) -> None:  # JSON
        """Keep a fact, or see that it is what was kept. Raises JournalError if the run in the folder is another one."""
        known = self.journal.fact(name)
        if known is None:
            self.journal.keep(name, value)
        elif known != value:
            changed = ", ".join(sorted(key for key in known if known.get(key) != value.get(key)))
            raise JournalError(f"{self.folder} holds a run with other {name} ({changed}): choose another --out")
