"""`jigsmith doctor`: whether the runtime answers, and whether this machine could run sandboxes."""

import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from google.protobuf.message import Message

from jigsmith.cli.connection import Connection, connection_of
from jigsmith.cli.output import UNAVAILABLE
from jigsmith.errors import JigsmithError, NotAuthorizedError

_DOCKER_SOCKET: Final = Path("/var/run/docker.sock")
_MARKS: Final = {True: "ok  ", False: "FAIL", None: "-   "}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    ok: bool | None
    """None: missing, and not needed for everything."""
    said: str


def doctor(context: typer.Context) -> None:
    """Look at the runtime and at this machine, and say what to do. Exit code 6 if the runtime does not serve."""
    connection = connection_of(context)
    findings = [*_runtime(connection), *_machine()]
    lines = [f"{_MARKS[one.ok]} {one.subject}: {one.said}" for one in findings]
    facts: dict[str, Message | object] = {one.subject: {"ok": one.ok, "said": one.said} for one in findings}
    connection.output.value(facts, "\n".join(lines))
    if any(one.ok is False for one in findings):
        raise typer.Exit(UNAVAILABLE)


def _runtime(connection: Connection) -> list[Finding]:
    with connection.client() as client:
        try:
            state = client.health()
        except JigsmithError as error:
            return [Finding("runtime", False, error.message)]
        found = [Finding("runtime", state == "SERVING", f"{connection.address} says {state}")]
        try:
            next(client.list_functions(), None)
            found.append(Finding("credentials", True, "accepted"))
        except NotAuthorizedError as error:
            reads = error.reason == "PERMISSION_DENIED"  # known, but an agent does not list functions
            said = "accepted, for calls only" if reads else f"{error.message} (--token-file, or JIGSMITH_TOKEN)"
            found.append(Finding("credentials", reads, said))
        except JigsmithError as error:
            found.append(Finding("credentials", False, str(error)))
        return found


def _machine() -> list[Finding]:
    bwrap = shutil.which("bwrap")
    docker = _answers(_DOCKER_SOCKET)
    return [
        Finding("python", sys.version_info >= (3, 11), sys.version.split()[0]),
        Finding("bubblewrap", bool(bwrap) or None, bwrap or "not here: apt-get install bubblewrap"),
        Finding("user namespaces", _user_namespaces(), "sandboxes by bubblewrap need them"),
        Finding("docker engine", docker or None, "answers" if docker else f"none answers at {_DOCKER_SOCKET}"),
    ]


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(os.fspath(path)) == 0


def _user_namespaces() -> bool | None:
    try:
        most = int(Path("/proc/sys/user/max_user_namespaces").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return most > 0 or None
