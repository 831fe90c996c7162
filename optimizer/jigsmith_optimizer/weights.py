"""The learnable weights: a function set as it stands at the runtime. Reached over RPC only, and journalled."""

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from jigsmith import AsyncClient, FunctionError, NotFoundError, PolicyRefusedError, RequestInvalidError
from jigsmith.canonical import digest
from jigsmith.tools import AsyncTools
from jigsmith.v1 import function_pb2

from jigsmith_optimizer.actions import Action, Example
from jigsmith_optimizer.journal import Journal, JournalError
from jigsmith_optimizer.texts import beginning, both_ends

_NAMESPACE: Final = uuid.UUID("6f0f3a0e-6e5b-4c3a-9f0f-0d6d1c1e7a55")
"""Of the request ids that make a revision's creation safe to repeat."""
REFUSAL_CHARS_MAX: Final = 2_000
"""Of what a model is told to mend; both ends, because an error's kind may stand first or, after a traceback, last."""
_EXAMPLE_CHARS_MAX: Final = 400
"""Of an example's arguments or result in there."""
_RELATIVE_TOLERANCE: Final = 1e-6
_ABSOLUTE_TOLERANCE: Final = 1e-9
"""Between a result and what a model wrote that it should be: 0.1 + 0.2 is 0.3, and a third is 0.333333."""


@dataclass(frozen=True, slots=True)
class Function:
    """One learned function, as the runtime has it."""

    name: str
    version: str
    """Resource name of the version: `functions/F/versions/DIGEST`."""
    description: str
    parameters_json: str
    source: str
    packages: Sequence[str] = ()
    """What the source imports beyond the standard library."""

    @classmethod
    def of(cls, version: function_pb2.FunctionVersion) -> "Function":
        """Return what training needs of a version."""
        return cls(
            version.name.split("/")[1],
            version.name,
            version.description,
            version.parameters_json,
            version.source,
            list(version.packages),
        )


@dataclass(frozen=True, slots=True)
class Weights:
    """One revision and its functions."""

    revision: str
    """Resource name of the revision."""
    functions: Mapping[str, Function]
    """By name."""

    @property
    def digest(self) -> str:
        """What the set is, whatever revision holds it: sha256 over its versions."""
        return set_digest(self.functions)

    def signatures(self) -> list[dict[str, object]]:
        """Return what a model is shown of the functions."""
        return [
            {"name": name, "description": one.description, "parameters": json.loads(one.parameters_json)}
            for name, one in sorted(self.functions.items())
        ]

    def openai(self) -> list[dict[str, Any]]:
        """Return the functions as the `tools` of a Chat Completions request."""
        return [{"type": "function", "function": one} for one in self.signatures()]


def set_digest(functions: Mapping[str, Function]) -> str:
    """Return the sha256 over a set's versions."""
    return digest(sorted(one.version for one in functions.values()))


class ProposalRefusedError(Exception):
    """The runtime refuses a proposed function, or it fails its own examples; the message is for the model."""


class FunctionStore:
    """Registers versions and revisions of one set. Without a client, it knows what the journal knows."""

    def __init__(self, client: AsyncClient | None, function_set: str, journal: Journal, run: str) -> None:
        self._client, self._set, self._journal, self._run = client, function_set, journal, run

    @property
    def client(self) -> AsyncClient:
        """The connection to the runtime. Raises JournalError in a replay."""
        if self._client is None:
            raise JournalError("a replay has no runtime, and the journal does not hold what it would have done")
        return self._client

    async def open(self, revision: str | None, message: str) -> Weights:
        """Record the revision to start from: the given one's functions, or none (the set is created if need be).

        `message` says in the audit log what is going to be trained on what.
        """
        if revision is not None:
            found = await self.load(revision)
            return await self.revise(found.functions, parent=revision, message=message)

        async def step() -> None:
            try:
                await self.client.get_set(self._set)
            except NotFoundError:
                await self.client.create_set(self._set, description="Learned by jigsmith-optimizer")

        await self._journal.once("open", self._set, step)
        return await self.revise({}, parent="", message=message)

    async def load(self, revision: str) -> Weights:
        """Return a revision as it is."""

        async def step() -> list[dict[str, str]]:
            found = await self.client.get_revision(revision)
            return [asdict(Function.of(one)) for one in found.resolved_versions]

        found = await self._journal.once("load", revision, step)
        return Weights(revision, {one["name"]: Function(**one) for one in found})

    async def revise(self, functions: Mapping[str, Function], *, parent: str, message: str) -> Weights:
        """Record a list of functions as a draft revision."""
        versions = sorted(one.version for one in functions.values())
        inputs = [self._run, self._set, versions, parent, message]

        async def step() -> str:
            request_id = str(uuid.uuid5(_NAMESPACE, digest(inputs)))
            made = await self.client.create_revision(
                self._set, versions, parent=parent, message=message, request_id=request_id
            )
            return made.name

        return Weights(await self._journal.once("revision", inputs, step), dict(functions))

    async def register(self, action: Action, provenance: function_pb2.Provenance) -> Function:
        """Register a proposed function and run its examples. Raises ProposalRefusedError saying what to mend."""
        tried = [[dict(one.arguments), one.expected, one.has_expected] for one in action.examples]
        inputs = json.dumps(
            [action.name, action.source, action.description, action.parameters, action.packages, tried], sort_keys=True
        )

        async def step() -> dict[str, Any]:
            try:
                version = await self._register(action, provenance)
                await self._try_examples(action, version.name)
            except ProposalRefusedError as error:
                return {"refused": both_ends(str(error), REFUSAL_CHARS_MAX)}
            return {"function": asdict(Function.of(version))}

        result = await self._journal.once("registration", inputs, step)
        if "refused" in result:
            raise ProposalRefusedError(result["refused"])
        return Function(**result["function"])

    async def _register(self, action: Action, provenance: function_pb2.Provenance) -> function_pb2.FunctionVersion:
        try:
            return await self.client.register_source(
                action.name,
                action.source,
                description=action.description,
                parameters=dict(action.parameters),
                packages=action.packages,
                profile="scientific" if action.packages else "",
                provenance=provenance,
            )
        except PolicyRefusedError as error:
            faults = "; ".join(f"{one.field}: {one.description}" for one in error.violations)
            raise ProposalRefusedError(f"the policy refuses the source: {faults or error.message}") from error
        except RequestInvalidError as error:
            faults = "; ".join(f"{one.field}: {one.description}" for one in error.violations)
            raise ProposalRefusedError(f"the function cannot be registered: {faults or error.message}") from error

    async def _try_examples(self, action: Action, version: str) -> None:
        for example in action.examples:
            await self._try_example(example, version)

    async def _try_example(self, example: Example, version: str) -> None:
        given = beginning(json.dumps(dict(example.arguments)), _EXAMPLE_CHARS_MAX)
        try:
            run = await self.client.invoke(version, dict(example.arguments))
        except FunctionError as error:
            raised = error.exception_type and f" ({error.exception_type}: {error.failure.message})"
            raise ProposalRefusedError(f"the example {given} failed: {error}{raised}\n{error.traceback}") from error
        except RequestInvalidError as error:
            raise ProposalRefusedError(f"the example {given} does not fit the schema: {error}") from error
        if example.has_expected and not same_result(run.result, example.expected):
            found, wanted = (
                beginning(one, _EXAMPLE_CHARS_MAX) for one in (run.result_json, json.dumps(example.expected))
            )
            raise ProposalRefusedError(f"the example {given} gave {found}, not {wanted}")

    async def tools(self, weights: Weights) -> AsyncTools:
        """Return the functions of a revision for an agent."""
        return await self.client.tools(weights.revision)


def same_result(one: Any, other: Any) -> bool:  # JSON
    """Return whether two JSON values are the same, numbers up to a tolerance; `true` is no number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_result(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_result, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if not isinstance(one, float) and not isinstance(other, float):
        return bool(one == other)  # integers of any size are exact
    try:
        return math.isclose(one, other, rel_tol=_RELATIVE_TOLERANCE, abs_tol=_ABSOLUTE_TOLERANCE)
    except (TypeError, OverflowError):  # a text, or an integer that no float can hold
        return False
