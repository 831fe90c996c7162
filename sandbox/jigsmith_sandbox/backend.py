"""The provider contract: what a backend does, and the values that cross the border of a sandbox."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from jigsmith_worker.outcome import OutcomeKind

from jigsmith_sandbox.limits import Limits, SandboxLimits
from jigsmith_sandbox.profiles import Profile

Policy = Literal["restricted", "none"]
"""What checks a source: the policy gate, or nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """One run to be made."""

    source: str
    entry_point: str
    arguments_json: str
    """The text of a JSON object."""
    limits: Limits
    version_digest: str
    """What the compiled source is cached by; different sources must have different digests."""
    policy: Policy = "restricted"
    profile: str = "python"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. Texts come from inside the sandbox and are hostile; numbers were measured outside of the child."""

    kind: OutcomeKind
    result_json: str | None = None
    """JSON text as the child wrote it, if it returned; to be parsed strictly."""
    output: str = ""
    output_truncated: bool = False
    exception_type: str = ""
    message: str = ""
    traceback: str = ""
    exit_code: int = 0
    """If the process died: its exit code, or the negative number of the signal."""
    wall_us: int = 0
    cpu_us: int = 0
    memory_peak_bytes: int = 0
    """The largest resident set that the kernel saw in a process of the call."""
    refusals: tuple["Refusal", ...] = ()
    """What the policy gate refuses, if it refused."""
    gone: "asyncio.Future[None] | None" = None
    """Done when nothing of the run is left; None if it never began. Nothing can change this outcome meanwhile."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One construct that the policy gate refuses."""

    line: int
    column: int
    construct: str
    advice: str


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What the policy gate says of a source."""

    accepted: bool
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """One sandbox to be launched."""

    sandbox_id: str
    owner: str
    """Whose sandboxes these are; a restarted runtime finds what its predecessor left by it."""
    socket_directory: Path
    """A host folder that holds `worker.sock`; it is the only host path a sandbox sees besides its interpreter."""
    limits: SandboxLimits
    profile: Profile


class Backend(Protocol):
    """Launches, lists and kills sandboxes; knows nothing of calls.

    A launched sandbox connects to `worker.sock` in its socket folder, and ends by itself when that connection ends.
    """

    @property
    def name(self) -> str:
        """The backend's name in configuration, logs and audit entries."""

    @property
    def image(self) -> str | None:
        """The content address of the image that sandboxes are made of, once `check` has found it; None without one."""

    @property
    def shares_kernel(self) -> bool:
        """Whether processes in a sandbox are processes of this kernel, so that a socket's peer is one of them."""

    async def check(self) -> None:
        """Return if the backend can work here. Raises BackendMissingError saying what to do."""

    async def launch(self, spec: SandboxSpec) -> None:
        """Start a sandbox. Raises SandboxUnavailableError."""

    async def list_sandboxes(self, owner: str) -> list[str]:
        """Return the ids of the owner's sandboxes that run, whoever started them."""

    async def kill(self, sandbox_id: str) -> None:
        """End a sandbox and everything in it. Killing one that is gone is no error."""

    async def alive(self, sandbox_id: str) -> bool:
        """Return whether a sandbox that this object launched still runs."""

    async def diagnose(self, sandbox_id: str) -> str:
        """Return the last lines that a sandbox wrote for its operator, to explain a failed start. May be empty."""

    async def close(self) -> None:
        """Give back what the backend holds. Sandboxes that still run are killed."""
