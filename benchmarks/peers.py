"""What else people run such code with, on the same machine in the same run."""

import asyncio
import contextlib
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from jigsmith_sandbox.interpreter import interpreter_files

IMAGE = "jigsmith-sandbox:dev"
SOURCE = "def mean(values):\n    return sum(values) / len(values)\n"
_PROGRAM = f"{SOURCE}\nprint(mean([1, 2, 6]))"
_COLD = ["-I", "-S", "-c", _PROGRAM]


async def run(command: list[str]) -> None:
    """Run a program to its end. Raises CalledProcessError."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)


def cold_bubblewrap() -> list[str]:
    """Return the command of a fresh interpreter in a fresh bubblewrap sandbox."""
    files = interpreter_files()
    command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent", "--clearenv"]
    for source, target in files.mounts:
        command += ["--ro-bind", str(source), target]
    return [*command, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", files.python, *_COLD]


def docker_run() -> list[str]:
    """Return the command of a container for one call."""
    return ["docker", "run", "--rm", "--network", "none", "--entrypoint", "python3", IMAGE, *_COLD]


@contextlib.contextmanager
def docker_exec() -> Iterator[list[str]]:
    """Keep a container running; yield the command that makes a call in it."""
    name = f"jigsmith-benchmark-{secrets.token_hex(4)}"
    keep = ["docker", "run", "--detach", "--rm", "--network", "none", "--name", name, "--entrypoint", "python3", IMAGE]
    subprocess.run([*keep, "-c", "import time; time.sleep(86400)"], check=True, capture_output=True)
    try:
        yield ["docker", "exec", name, "python3", *_COLD]
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)


def docker_has(container_runtime: str | None) -> bool:
    """Return whether an engine answers that has the image, and the container runtime if one is named."""
    try:
        image = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
        known = subprocess.run(
            ["docker", "info", "--format", "{{json .Runtimes}}"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return False
    return image.returncode == 0 and (container_runtime is None or f'"{container_runtime}"' in known.stdout)


def in_process() -> Callable[[], object]:
    """Return a call by stock RestrictedPython in this process: compiled before, isolated from nothing."""
    from RestrictedPython import compile_restricted, safe_globals  # noqa: PLC0415

    code = compile_restricted(SOURCE, "<function>", "exec")
    given = {**safe_globals, "sum": sum, "len": len}

    def call() -> object:
        namespace = dict(given)
        exec(code, namespace)
        return namespace["mean"]([1, 2, 6])

    return call


def timed(work: Callable[[], object], count: int) -> list[float]:
    """Time runs in ms."""
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1_000)
    return times


def python(*arguments: str) -> str:
    """Run a module of this package in a process of its own and return what it printed."""
    done = subprocess.run([sys.executable, "-m", *arguments], check=True, capture_output=True, text=True)
    return done.stdout
