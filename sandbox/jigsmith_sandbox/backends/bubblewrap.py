"""Sandboxes by bubblewrap: the embedded default, for machines without a container engine.

The root is an empty tmpfs with the interpreter's files and the socket folder mounted read-only: no host file, no host
process, no network interface. Started as root, the worker gives root up before it hears of any call.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections import deque
from pathlib import Path
from typing import Final

from jigsmith_sandbox import seccomp
from jigsmith_sandbox.backend import SandboxSpec
from jigsmith_sandbox.errors import BackendMissingError, SandboxUnavailableError
from jigsmith_sandbox.interpreter import CODE_HOME, ENVIRONMENT, interpreter_files, package_files

_SOCKET_HOME: Final = "/run/jigsmith"
_WORKER: Final = f"{CODE_HOME}/jigsmith_worker"
_DEVICES: Final = tuple(f"/dev/{name}" for name in ("full", "null", "random", "urandom", "zero"))
"""There are no others: bwrap's own /dev has terminals, which calls would share. A node that bwrap makes read-only cannot be
opened any more, so that is left to the worker."""
_DIAGNOSIS_LINES_MAX: Final = 20
_LINE_BYTES_MAX: Final = 65_536


class BubblewrapBackend:
    """One `bwrap` process per sandbox, found again by the owner and id on its command line."""

    name = "bubblewrap"
    shares_kernel = True
    image: str | None = None

    def __init__(self) -> None:
        self._filter = seccomp.sandbox_filter(seccomp.load())
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._last_lines: dict[str, deque[str]] = {}
        self._readers: set[asyncio.Task[None]] = set()

    async def check(self) -> None:
        """Return if bwrap can make namespaces here. Raises BackendMissingError saying what to do."""
        program = shutil.which("bwrap")
        if program is None:
            raise BackendMissingError("bubblewrap is not installed: install it (Debian: apt-get install bubblewrap)")
        process = await asyncio.create_subprocess_exec(
            program, "--unshare-all", "--unshare-user", "--ro-bind", "/", "/", "true",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, stderr = await process.communicate()
        if process.returncode != 0:
            text = stderr.decode("utf-8", "replace").strip()[:500]
            raise BackendMissingError(
                f"bubblewrap cannot make namespaces here ({text}): allow unprivileged user namespaces"
                " (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"
            )

    async def launch(self, spec: SandboxSpec) -> None:
        """Start a sandbox. Raises SandboxUnavailableError."""
        descriptor = os.memfd_create("seccomp")
        try:
            os.write(descriptor, self._filter)
            os.lseek(descriptor, 0, os.SEEK_SET)
            process = await asyncio.create_subprocess_exec(
                *self._command(spec, descriptor),
                pass_fds=(descriptor,), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE, env={}, start_new_session=True, limit=_LINE_BYTES_MAX,
            )  # fmt: skip
        except OSError as error:
            raise SandboxUnavailableError(f"cannot start bwrap: {error}") from error
        finally:
            os.close(descriptor)
        self._processes[spec.sandbox_id] = process
        reader = asyncio.create_task(self._watch(spec.sandbox_id, process))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)

    def _command(self, spec: SandboxSpec, filter_descriptor: int) -> list[str]:
        files = interpreter_files()
        mounts = (*files.mounts, *package_files(spec.profile.packages))
        command = [shutil.which("bwrap") or "bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
        command += ["--unshare-cgroup-try", "--new-session", "--die-with-parent", "--as-pid-1", "--hostname", "sandbox"]
        if os.geteuid() == 0:  # real root drops itself to an id that owns nothing on the host
            command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            command += ["--unshare-user"]
        command += ["--clearenv"]
        for name, value in {"PATH": "/python/bin", **ENVIRONMENT}.items():
            command += ["--setenv", name, value]
        command += ["--dir", "/run", "--dir", "/tmp", "--chmod", "0777", "/tmp"]  # noqa: S108 - in the sandbox
        parents = {str(folder) for _, target in mounts for folder in Path(target).parents}
        for folder in sorted(parents - {"/"}):  # bwrap would make them 0700, closed to the sandbox's user
            command += ["--dir", folder]
        for source, target in mounts:
            command += ["--ro-bind", str(source), target]
        command += ["--ro-bind", str(spec.socket_directory), _SOCKET_HOME, "--proc", "/proc", "--tmpfs", "/dev"]
        for device in _DEVICES:
            command += ["--dev-bind", device, device]
        command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--seccomp", str(filter_descriptor)]  # noqa: S108
        command += [files.python, "-I", "-S", _WORKER, f"{_SOCKET_HOME}/worker.sock", spec.owner, spec.sandbox_id]
        return command

    async def _watch(self, sandbox_id: str, process: asyncio.subprocess.Process) -> None:
        lines = self._last_lines.setdefault(sandbox_id, deque(maxlen=_DIAGNOSIS_LINES_MAX))
        stream = process.stderr
        assert stream is not None
        while data := await stream.read(4_096):
            lines.extend(data.decode("utf-8", "replace").splitlines())
        await process.wait()
        self._processes.pop(sandbox_id, None)

    async def list_sandboxes(self, owner: str) -> list[str]:
        """Return the ids of the owner's sandboxes that run, whoever started them."""
        return sorted({sandbox_id for _, sandbox_id in _running(owner)})

    async def kill(self, sandbox_id: str) -> None:
        """End a sandbox: with its first process the kernel ends all others of its pid namespace."""
        for pid, found in _running(None):
            if found == sandbox_id:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        process = self._processes.get(sandbox_id)
        if process is not None:
            await process.wait()
        self._last_lines.pop(sandbox_id, None)

    async def alive(self, sandbox_id: str) -> bool:
        """Return whether a sandbox that this object launched still runs."""
        return sandbox_id in self._processes

    async def diagnose(self, sandbox_id: str) -> str:
        """Return what bwrap or the worker wrote to stderr last."""
        return "\n".join(self._last_lines.get(sandbox_id, ()))

    async def close(self) -> None:
        """Kill what still runs."""
        for sandbox_id in list(self._processes):
            await self.kill(sandbox_id)
        await asyncio.gather(*self._readers)


def _running(owner: str | None) -> list[tuple[int, str]]:
    """Return (pid, sandbox id) of bwrap processes and workers, by their command lines: the labels of this backend."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        tail = words[-5:-1]  # ..., worker folder, socket, owner, id, ""
        if len(tail) == 4 and tail[0] == _WORKER and (owner is None or tail[2] == owner):
            found.append((int(entry.name), tail[3]))
    return found
