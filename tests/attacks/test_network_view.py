"""With no filter of ours anywhere, a function sees no interface but its own loopback, and no route."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import pytest
from docker.models.containers import ContainerCollection
from jigsmith_sandbox.backend import Backend, SandboxSpec
from jigsmith_sandbox.backends.bubblewrap import BubblewrapBackend
from jigsmith_sandbox.pool import Pool

from tests.attacks.layers import LAYERS
from tests.attacks.network_view import SOURCE
from tests.conformance.conftest import BACKENDS, SANDBOX_IMAGE, call, working_backend

View = dict[str, dict[str, list[str] | str]]
"""What was asked for, how, and the answer, or the name of an error."""

ANSWERS = {"if_nameindex", "RTM_GETLINK", "RTM_GETADDR", "RTM_GETROUTE"}
"""Ways that no backend may be without: a test that cannot ask sees nothing, whatever is there."""
LOOPBACK = {"lo"}
LOOPBACK_ADDRESSES = {"127.0.0.1", "::1"}
A_NETWORK = (
    "(ip link add seen type dummy || ip tuntap add dev seen mode tap) 2>&1 && ip link set lo up"
    " && ip addr add 192.0.2.1/24 dev seen && ip link set seen up"
    " && ip route add default via 192.0.2.2"
)
"""One for documentation (RFC 5737), in a namespace of its own."""


def beyond_loopback(view: View) -> list[str]:
    """Say what a view shows that a sandbox must not have."""
    # Routes by loopback: gVisor, which has no local table, keeps those of its addresses in the main one.
    allowed = {"interfaces": LOOPBACK, "addresses": LOOPBACK_ADDRESSES, "routes": LOOPBACK}
    return [
        f"{what} by {way}: {one}"
        for what, ways in view.items()
        for way, found in ways.items()
        if isinstance(found, list)
        for one in found
        if one.rpartition(" by ")[2] not in allowed[what]
    ]


async def seen_in(backend: Backend, patch: pytest.MonkeyPatch) -> View:
    """Look out of a sandbox without filters."""
    LAYERS["both filters"].take_out(patch, backend)
    async with Pool(backend, owner=f"network-{os.getpid()}", slots=1) as pool:
        outcome = await pool.run(call(SOURCE, wall_ms=8_000))
    view: View = json.loads(outcome.result_json or "null")
    assert view, outcome
    return view


@pytest.mark.parametrize("name", BACKENDS)
async def test_a_call_has_no_interface_but_loopback_and_no_route(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By every way to ask that answers, and the main ones answer."""
    view = await seen_in(await working_backend(name), monkeypatch)
    refused = {way for ways in view.values() for way, found in ways.items() if isinstance(found, str)}
    assert not refused & ANSWERS, view
    assert beyond_loopback(view) == []


@pytest.mark.parametrize("name", BACKENDS)
async def test_a_sandbox_with_a_network_would_be_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same look, where the backend gave it one: it shows an interface, its address and a route."""
    backend = await working_backend(name)
    if name == "docker-runsc":
        _skip_where_gvisor_has_no_network()
    with a_network() if isinstance(backend, BubblewrapBackend) else a_container_with_network() as place:
        give_network(monkeypatch, backend, place)
        view = await seen_in(backend, monkeypatch)
    assert {found.partition(" ")[0] for found in beyond_loopback(view)} == {"interfaces", "addresses", "routes"}, view


def _skip_where_gvisor_has_no_network() -> None:
    engine = docker.from_env()
    arguments = engine.info()["Runtimes"]["runsc"].get("runtimeArgs") or []
    engine.close()
    if "--network=none" in arguments:
        pytest.skip("this engine starts runsc with --network=none: it shows nothing of any network")


@contextmanager
def a_network() -> Iterator[str]:
    """Give the number of a process in a network namespace with one more interface."""
    process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo made; exec sleep 100"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        add_interface(process.pid)
        yield str(process.pid)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def a_container_with_network() -> Iterator[str]:
    """Give the id of a container with one more interface than it was made with, which others can share."""
    engine = docker.from_env()
    idle = ["python3", "-c", "import time; time.sleep(100)"]
    container = engine.containers.run(SANDBOX_IMAGE, entrypoint=idle, network_mode="none", detach=True)
    try:
        container.reload()
        add_interface(container.attrs["State"]["Pid"])
        yield str(container.id)
    finally:
        container.remove(force=True)
        engine.close()


def add_interface(process: int) -> None:
    """Make an interface with an address and a route in a process's network namespace."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("making an interface takes root and iproute2")
    command = [*inside(process), "sh", "-c", A_NETWORK]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no dummy or tap interface can be made here: {made.stdout}{made.stderr}")


def inside(process: int | str) -> list[str]:
    """Return how a command is begun in a process's network namespace."""
    return ["nsenter", "--target", str(process), "--net"]


def give_network(patch: pytest.MonkeyPatch, backend: Backend, place: str) -> None:
    """Make sandboxes in the network namespace of a process or container, which nothing of the product can be told to."""
    if isinstance(backend, BubblewrapBackend):
        command = backend._command

        def there(spec: SandboxSpec, filter_descriptor: int) -> list[str]:
            words = command(spec, filter_descriptor)
            assert "--unshare-net" in words
            return [*inside(place), *(word for word in words if word != "--unshare-net")]

        patch.setattr(backend, "_command", there)
        return
    run = ContainerCollection.run

    def joined(containers: ContainerCollection, *arguments: Any, **options: Any) -> Any:
        assert options["network_mode"] == "none"
        joining = options | {"network_mode": f"container:{place}", "hostname": None}
        return run(containers, *arguments, **joining)

    patch.setattr(ContainerCollection, "run", joined)


def test_every_way_to_look_sees_a_network_where_there_is_one() -> None:
    """Outside of a sandbox, in that network namespace: each way alone would show it."""
    look = [sys.executable, "-I", "-c", f"{SOURCE}\nprint(json.dumps(f()))"]
    with a_network() as process:
        told = subprocess.run([*inside(process), *look], capture_output=True, text=True, check=True)
    view: View = json.loads(told.stdout)
    blind = {way for what, ways in view.items() for way in ways if not beyond_loopback({what: {way: ways[way]}})}
    # /sys shows the namespace of whoever mounted it; IPv6 may be switched off.
    assert blind <= {"/sys/class/net", "RTM_GETROUTE of IPv6", "/proc/net/ipv6_route"}, view
