"""The demo's processes: the runtime, the optimizer, the verifier. Each is the installed command, started as a user would."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_START_TIMEOUT_S: Final = 60
_STOP_TIMEOUT_S: Final = 30
_COMMANDS: Final = Path(sys.executable).parent
"""Where the commands of this virtual environment are, activated or not."""

PRINCIPALS: Final[Mapping[str, tuple[str, ...]]] = {
    "service:optimizer": ("--role", "optimizer"),
    "service:frontend": ("--role", "agent", "--channel", "functionSets/tables/channels/production"),
    "user:alice": ("--role", "reviewer"),
}
"""Who takes part, and as what."""


class DemoError(Exception):
    """A step of the demo failed; the message says which and shows what the process said."""


class Runtime:
    """`jigsmith-runtime serve` on a free port, with a data folder and principals of its own. A context manager."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.audit = self.data / "audit"
        self.audit_key = self.data / "audit-key.pub"
        self._directory = directory
        self._log = directory / "runtime.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.backend = ""

    def token_file(self, principal: str) -> Path:
        """Return the file with a principal's token."""
        return self._directory / f"{principal.partition(':')[2]}.token"

    def token(self, principal: str) -> str:
        """Return a principal's token."""
        return self.token_file(principal).read_text()

    def __enter__(self) -> Self:
        """Start it and wait until it serves. Raises DemoError."""
        principals = self._directory / "principals.toml"
        for name, options in PRINCIPALS.items():
            made = subprocess.run(
                [_COMMANDS / "jigsmith-runtime", "token", name, *options], check=True, capture_output=True, text=True
            )
            file = self.token_file(name)
            file.touch(mode=0o600)
            file.write_text(made.stderr.strip())
            with principals.open("a") as entries:
                entries.write(made.stdout + "\n")
        command: list[str | Path] = [_COMMANDS / "jigsmith-runtime", "serve", "--data", self.data]
        command += ["--listen", "127.0.0.1:0", "--principals", principals]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self._wait()
        except DemoError:
            self.stop()
            raise
        return self

    def _wait(self) -> None:
        assert self._process is not None
        announcement, deadline = self.data / "runtime.json", time.monotonic() + _START_TIMEOUT_S
        while not announcement.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise DemoError(f"the runtime did not start; the end of {self._log}:\n{self.log_tail()}")
            time.sleep(0.05)
        facts: dict[str, Any] = json.loads(announcement.read_text())
        self.address, self.backend = facts["address"], facts["backend"]

    def log_tail(self) -> str:
        """Return the last lines that the runtime logged."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def stop(self) -> None:
        """End it in good order, as an operator would; kill it if it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()


def train(
    runtime: Runtime, splits: Mapping[str, Path], out: Path, *, model: str, base_url: str | None, patience: int
) -> dict[str, Any]:  # Any: JSON
    """Run `jigsmith-optimizer train`, which shows its own progress; return its summary. Raises DemoError."""
    command: list[str | Path] = [_COMMANDS / "jigsmith-optimizer", "train", "--set", "tables", "--out", out]
    for name, path in splits.items():
        command += [f"--{name}", path]
    command += ["--address", runtime.address, "--token-file", runtime.token_file("service:optimizer")]
    command += ["--model", model, "--patience", str(patience)]
    if base_url:
        command += ["--base-url", base_url]
    if subprocess.run(command, check=False).returncode != 0:
        raise DemoError(f"the optimizer failed; the runtime's last lines:\n{runtime.log_tail()}")
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


def verify(audit: Path, key: Path) -> tuple[dict[str, Any], str]:  # Any: JSON
    """Run `jigsmith audit verify log`; return its report, and the command as one would type it. Raises DemoError."""
    command: list[str | Path] = [_COMMANDS / "jigsmith", "--json", "audit", "verify", "log", audit, "--key", key]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise DemoError(f"the verifier gave no report:\n{done.stderr}") from None
    return report, f"jigsmith audit verify log {_short(audit)} --key {_short(key)}"


def _short(path: Path) -> str:
    return os.path.relpath(path)
