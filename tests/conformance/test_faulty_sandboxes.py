"""What goes wrong between host and sandbox costs a retry, and neither a call's end nor anybody else's sandbox."""

import asyncio
import dataclasses

import pytest
from jigsmith_sandbox.backend import Backend
from jigsmith_sandbox.child import Child
from jigsmith_sandbox.errors import SandboxUnavailableError
from jigsmith_sandbox.pool import Pool
from jigsmith_worker import wire
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import OWNER, call

_TEMP_BYTES = 77_824


async def test_a_worker_of_another_version_is_refused(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that was built earlier would wait for what never comes."""
    monkeypatch.setattr(wire, "PROTOCOL", wire.PROTOCOL + 1)
    with pytest.raises(SandboxUnavailableError, match="another version than this host; build its image again"):
        async with Pool(backend, owner=OWNER):
            pass


async def test_a_child_that_dies_while_it_is_handed_over_is_replaced(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that waits for a child does not begin in one that is gone."""
    if pool.isolation is Isolation.SANDBOX:
        pytest.skip(f"each call has a sandbox of its own in {pool.backend.name} here: no child is waited for")
    (sandbox,) = pool.sandboxes
    offer, died = sandbox._stock.offer, []

    def offer_a_dying_one(child: Child) -> None:
        offer(child)
        if not died and child.temp[0] == _TEMP_BYTES:  # as if the report of its death had come in the same moment
            died.append(child)
            sandbox._exited(sandbox._children[child.token], -9, 0, 0)

    wanted = call(
        "def f():\n return 1", temp_bytes=_TEMP_BYTES
    )  # no child has a /tmp of that size: one has to be forked
    assert (await pool.run(call("def f():\n return 1"))).kind is OutcomeKind.RETURNED
    monkeypatch.setattr(sandbox._stock, "offer", offer_a_dying_one)
    monkeypatch.setattr(sandbox, "_hear", _deaf_to(died, sandbox._hear))
    async with asyncio.timeout(8):
        assert (await pool.run(wanted)).kind is OutcomeKind.RETURNED
    assert len(died) == 1
    assert not sandbox.lost


def _deaf_to(children: list[Child], hear: object) -> object:
    """Return `hear` but for the second report of what is dead already."""

    def hear_others(what: bytes, token: int, *rest: int) -> None:
        if token not in [child.token for child in children]:
            hear(what, token, *rest)

    return hear_others


async def test_an_alarm_that_is_late_ends_nobody(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group of a call may be another's by the time that its alarm is heard."""
    if pool.isolation is Isolation.SANDBOX:
        pytest.skip(f"each call has a sandbox of its own in {pool.backend.name} here, which ends with it")
    (sandbox,) = pool.sandboxes
    wanted = call("import os\ndef f():\n os._exit(1)")
    assert (await pool.run(wanted)).kind is OutcomeKind.DIED  # compiled, too, from now on
    async with asyncio.timeout(10):
        while not (children := [child for child in sandbox._children.values() if child.ready and child.unused]):
            await asyncio.sleep(0.01)
    for _ in children:
        assert (await pool.run(wanted)).kind is OutcomeKind.DIED
    async with asyncio.timeout(10):
        while any(child.token in sandbox._children for child in children):
            await asyncio.sleep(0.01)
    orders = []
    monkeypatch.setattr(sandbox, "order", lambda *order: orders.append(order))

    class Group:
        def ran_out(self) -> bool:
            return True

    for child in children:
        child.group = Group()
        child._ran_out()
        assert child._peer is None or not child._peer.kill()
    assert orders == []


async def test_a_profile_that_is_gone_fails_the_call_and_not_the_runtime(pool: Pool) -> None:
    """It is prepared by nobody, and the run says what is missing."""
    wanted = dataclasses.replace(call("def f():\n return 1"), profile="gone")
    assert pool.prepare(wanted) is None
    with pytest.raises(SandboxUnavailableError, match="no profile 'gone'"):
        await pool.run(wanted)
