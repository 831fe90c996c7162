"""The learnable weights: a function set as it stands at the runtime. Reached over RPC only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from jigsmith import AsyncClient, AsyncTools, FunctionError, NotFoundError, PolicyRefusedError, RequestInvalidError
from jigsmith.v1 import function_pb2

from jigsmith_optimizer.actions import Action


@dataclass(frozen=True, slots=True)
class Weights:
    """One revision and its functions."""

    revision: str
    """Resource name of the revision."""
    versions: Mapping[str, function_pb2.FunctionVersion]
    """By function name."""

    def signatures(self) -> list[dict[str, object]]:
        """Return what a model is shown of the functions."""
        return [
            {"name": name, "description": version.description, "parameters": json.loads(version.parameters_json)}
            for name, version in sorted(self.versions.items())
        ]


class ProposalRefusedError(Exception):
    """The runtime refuses a proposed function, or it fails its own examples; the message is for the model."""


class FunctionStore:
    """Registers versions and revisions of one set."""

    def __init__(self, client: AsyncClient, function_set: str) -> None:
        self._client = client
        self._set = function_set

    async def open(self, revision: str | None) -> Weights:
        """Return the revision to start from: the given one, or a new empty one (the set is created if need be)."""
        if revision is not None:
            found = await self._client.get_revision(revision)
            return Weights(found.name, {one.name.split("/")[1]: one for one in found.resolved_versions})
        try:
            await self._client.get_set(self._set)
        except NotFoundError:
            await self._client.create_set(self._set, description="Learned by jigsmith-optimizer")
        return await self.revise({}, parent="", message="The empty set that training starts from")

    async def revise(
        self, versions: Mapping[str, function_pb2.FunctionVersion], *, parent: str, message: str
    ) -> Weights:
        """Record a list of versions as a draft revision."""
        names = [version.name for _, version in sorted(versions.items())]
        revision = await self._client.create_revision(self._set, names, parent=parent, message=message)
        return Weights(revision.name, dict(versions))

    async def register(self, action: Action, provenance: function_pb2.Provenance) -> function_pb2.FunctionVersion:
        """Register a proposed function and run its examples. Raises ProposalRefusedError saying what to mend."""
        try:
            version = await self._client.register_source(
                action.name,
                action.source,
                description=action.description,
                parameters=dict(action.parameters),
                provenance=provenance,
            )
        except PolicyRefusedError as error:
            faults = "; ".join(f"{one.field}: {one.description}" for one in error.violations)
            raise ProposalRefusedError(f"the policy refuses the source: {faults or error.message}") from error
        except RequestInvalidError as error:
            faults = "; ".join(f"{one.field}: {one.description}" for one in error.violations)
            raise ProposalRefusedError(f"the function cannot be registered: {faults or error.message}") from error
        await self._try_examples(action, version.name)
        return version

    async def _try_examples(self, action: Action, name: str) -> None:
        for example in action.examples:
            try:
                run = await self._client.invoke(name, dict(example.arguments))
            except FunctionError as error:
                raised = error.exception_type and f" ({error.exception_type}: {error.failure.message})"
                raise ProposalRefusedError(
                    f"the example {json.dumps(example.arguments)} failed: {error}{raised}\n{error.traceback}"
                ) from error
            except RequestInvalidError as error:
                raise ProposalRefusedError(
                    f"the example {json.dumps(example.arguments)} does not fit the schema: {error}"
                ) from error
            if example.has_expected and run.result != example.expected:
                raise ProposalRefusedError(
                    f"the example {json.dumps(example.arguments)} gave {run.result_json}, not {json.dumps(example.expected)}"
                )

    async def tools(self, weights: Weights) -> AsyncTools:
        """Return the functions of a revision for an agent."""
        return await self._client.tools(weights.revision)
