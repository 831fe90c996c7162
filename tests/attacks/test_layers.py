"""The attacks again, with each inner layer switched off in turn: what is still stopped, and what that layer alone stops."""

import asyncio
import json
import os
from typing import Any

import pytest
from jigsmith_sandbox.errors import SandboxUnavailableError
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.profiles import Profile
from jigsmith_worker.outcome import OutcomeKind

from tests.attacks.layers import LAYERS, Layer
from tests.attacks.proofs import layers_off
from tests.attacks.test_attacks import ATTACKS, NEEDS_GROUPS, SEEN_WITHOUT_MOUNTS
from tests.conformance.conftest import BACKENDS, call, working_backend

AT_ONCE = 4
SYSTEM_CALLS = frozenset(name for name in ATTACKS if name.startswith("calls "))

SURE_IN_GVISOR = {
    "the call's filter": LAYERS["the call's filter"].held_alone - SYSTEM_CALLS - {"opens a vsock"},
    "rlimits": frozenset({"opens very many files"}),
}
"""Its kernel has few of the calls, no /tmp, and memory for as much as happens to be there."""


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", BACKENDS)
async def test_without_a_layer_the_others_hold(
    name: str, layer: str, target: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What succeeds is what the layer was known to stop alone; that it does shows that the layer was off."""
    expected = _held_alone(LAYERS[layer], name)
    if expected is None:
        pytest.skip(f"{layer} cannot be taken out of {name} sandboxes")
    backend = await working_backend(name)
    LAYERS[layer].take_out(monkeypatch, backend)
    profile = Profile("python", sandboxes_max=AT_ONCE)
    async with Pool(backend, owner=f"layers-{os.getpid()}", slots=AT_ONCE, profiles={"python": profile}) as pool:
        well = await pool.run(call("def f():\n    return 'well'"))
        assert well.result_json == '"well"', well
        assert await layers_off(pool) == _off(layer, name)
        succeeding = await _succeeding(pool, target)
    assert succeeding <= expected, sorted(succeeding - expected)
    missing = expected - succeeding - _perhaps(layer, name)
    assert not missing, f"held by something else as well: {sorted(missing)}"


@pytest.mark.parametrize("name", BACKENDS)
async def test_no_layer_is_off_in_a_sandbox_as_it_is(name: str) -> None:
    """But those that the backend has not: what shows a layer to be off shows that it is on, too."""
    async with Pool(await working_backend(name), owner=f"layers-{os.getpid()}", slots=1) as pool:
        assert await layers_off(pool) == _off("", name)


def test_the_tables_name_attacks() -> None:
    """A name that no attack has would hold nothing."""
    for layer in LAYERS.values():
        assert layer.held_alone | layer.held_alone_in_docker | (layer.held_alone_in_gvisor or set()) <= ATTACKS.keys()


def _off(layer: str, backend: str) -> set[str]:
    """Return the layers that are off where one is taken out."""
    off = {"both filters": {"the call's filter", "the sandbox's filter"}, "": set[str]()}.get(layer, {layer})
    return (off - {"the sandbox's filter"}) | {"control groups"} if backend == "docker-runsc" else off


def _perhaps(layer: str, backend: str) -> frozenset[str]:
    """Return what may fail all the same."""
    if backend == "docker-runsc":
        return frozenset(ATTACKS) - SURE_IN_GVISOR[layer]
    return (
        SYSTEM_CALLS if LAYERS[layer].system_calls else frozenset()
    )  # the kernel's checks: test_effects.py says of which


def _held_alone(layer: Layer, backend: str) -> frozenset[str] | None:
    held = layer.held_alone | (SYSTEM_CALLS if layer.system_calls else frozenset())
    if backend == "docker":
        return held | layer.held_alone_in_docker
    if backend == "docker-runsc":
        if layer.held_alone_in_gvisor is None:
            return None
        alone = layer.held_alone_in_gvisor | SEEN_WITHOUT_MOUNTS | NEEDS_GROUPS
        # There is no second filter of ours around the sandbox: its kernel has the calls or has them not.
        return held | alone | (SYSTEM_CALLS if layer is LAYERS["the call's filter"] else frozenset())
    return held


async def _succeeding(pool: Pool, target: dict[str, Any]) -> frozenset[str]:
    places = asyncio.Semaphore(AT_ONCE)

    async def succeeds(name: str) -> bool | None:
        source, limits = ATTACKS[name]
        bounded = {"wall_ms": 8_000, "cpu_ms": 8_000} | limits
        try:
            async with places:
                outcome = await pool.run(call(source, json.dumps({"target": target}), **bounded))
        except SandboxUnavailableError:  # where no layer bounds its calls, one can take the whole sandbox with it
            return None
        return outcome.kind is OutcomeKind.RETURNED and bool(json.loads(outcome.result_json or "null"))

    answers = dict(zip(ATTACKS, await asyncio.gather(*map(succeeds, ATTACKS)), strict=True))
    for name in [name for name, answer in answers.items() if answer is None]:  # it may have been another's doing: alone
        answers[name] = await succeeds(name)
    return frozenset(name for name, answer in answers.items() if answer)
