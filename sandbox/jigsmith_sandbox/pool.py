"""Keeps warm sandboxes and spreads calls over them. Owns every sandbox it launched, and those a dead predecessor left."""

import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from jigsmith_worker.isolation import Isolation

from jigsmith_sandbox import profiles
from jigsmith_sandbox.backend import Backend, Call, Outcome, Policy, PolicyVerdict, SandboxSpec
from jigsmith_sandbox.call_groups import MemoryScope
from jigsmith_sandbox.code_cache import CodeCache
from jigsmith_sandbox.errors import SandboxUnavailableError
from jigsmith_sandbox.limits import LimitPolicy, shipped
from jigsmith_sandbox.listener import remove_socket_directory
from jigsmith_sandbox.profiles import Profile
from jigsmith_sandbox.sandbox import Prepared, Sandbox

_RELAUNCH_DELAY_S: Final = (0.0, 0.5, 2.0, 5.0)
"""Waits before each new attempt to launch a sandbox; the last one repeats."""
_ANY_SANDBOX_TIMEOUT_S: Final = 15.0
"""How long a call waits for a sandbox to be launched before it fails."""
_SPARES: Final = 2
"""Children kept ready for each place of a sandbox. One that the kernel makes wait for its control group takes some 15 ms, and
several calls come and go meanwhile."""
_IDLE_CHECKS: Final = 4
"""How often a profile's idle time is looked at while it passes."""

T = TypeVar("T")


class Pool:
    """Sandboxes of each profile with `slots` concurrent calls each. An async context manager; leaving it kills them."""

    def __init__(
        self,
        backend: Backend,
        *,
        owner: str,
        slots: int = 4,
        profiles: Mapping[str, Profile] | None = None,
        limits: LimitPolicy | None = None,
        sockets: Path | None = None,
    ) -> None:
        """`owner` names whose sandboxes these are (the node's, say); `sockets` is a folder for sockets.

        Without `profiles` there is one sandbox of the profile `python`.
        """
        self.backend = backend
        self.limits = limits or shipped()
        self.profiles = profiles or _ONE_SANDBOX
        self._owner = owner
        self._slots = slots
        self._sockets = sockets
        self._root: Path | None = None
        self._codes = CodeCache()
        self.isolation = Isolation.SANDBOX
        """How far apart calls are here: as little as in the sandbox, of all that there were, where that is least."""
        self.memory_scope = MemoryScope.PROCESS
        """What a call's memory limit holds for here: the least of what it did in any sandbox."""
        self._found_out = False
        self._groups = {name: _Group(profile, slots, self._launch) for name, profile in self.profiles.items()}

    async def __aenter__(self) -> Self:
        """Remove what a predecessor left, launch the sandboxes. Raises SandboxUnavailableError."""
        for sandbox_id in await self.backend.list_sandboxes(self._owner):
            await self.backend.kill(sandbox_id)
        if self._sockets is not None:
            self._sockets.mkdir(parents=True, exist_ok=True)
        self._root = Path(tempfile.mkdtemp(prefix="jigsmith-", dir=self._sockets))
        self._root.chmod(0o711)
        try:
            await asyncio.gather(*(group.open() for group in self._groups.values()))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill the sandboxes."""
        await self._close()

    @property
    def sandboxes(self) -> list[Sandbox]:
        """The sandboxes that run now."""
        return [sandbox for group in self._groups.values() for sandbox in group.sandboxes]

    def prepare(self, call: Call) -> Prepared | None:
        """Hand a call to a child that is ready, to be begun by `run`: a head start for what need not wait for permission.

        None if there is no such child. What was prepared must be run or discarded.
        """
        group = self._groups.get(call.profile)
        return None if group is None else group.prepare(call)

    async def run(self, call: Call, prepared: Prepared | None = None) -> Outcome:
        """Run a call, which may have been prepared. Cancelling ends the run and everything it started.

        A call whose sandbox was lost runs once more in another one: a function can change nothing outside of its process.
        What a function does to itself is an outcome, and never tried again. Raises SandboxUnavailableError.
        """
        first = None if prepared is None else prepared.sandbox
        return await self._group(call.profile).use(
            lambda sandbox: sandbox.run(call, prepared if sandbox is first else None), untrusted=True, first=first
        )

    async def check(
        self,
        source: str,
        *,
        entry_point: str,
        policy: Policy = "restricted",
        digest: str = "",
        profile: str = profiles.DEFAULT,
    ) -> PolicyVerdict:
        """Ask the policy gate, or with the policy none the compiler, in a disposable child. Raises SandboxUnavailableError.

        With a `digest`, the version's, the compiled code is kept for its first call.
        """
        return await self._group(profile).use(lambda sandbox: sandbox.check(source, entry_point, policy, digest))

    def _group(self, profile: str) -> "_Group":
        try:
            return self._groups[profile]
        except KeyError:
            raise SandboxUnavailableError(f"there is no profile {profile!r} here") from None

    async def _launch(self, profile: Profile, on_lost: Callable[[Sandbox], None]) -> Sandbox:
        assert self._root is not None
        sandbox_id = secrets.token_hex(8)
        spec = SandboxSpec(sandbox_id, self._owner, self._root / sandbox_id, self.limits.sandbox, profile)
        sandbox = Sandbox(spec, self.backend, self._codes, on_lost)
        await sandbox.open(self.limits.default, spares=_SPARES * self._slots)
        scope = MemoryScope.PROCESS if sandbox.groups is None else MemoryScope.CALL
        if not self._found_out:
            self._found_out, self.isolation, self.memory_scope = True, sandbox.isolation, scope
        self.isolation = max(self.isolation, sandbox.isolation, key=list(Isolation).index)
        self.memory_scope = max(self.memory_scope, scope, key=list(MemoryScope).index)
        return sandbox

    async def _close(self) -> None:
        await asyncio.gather(*(group.close() for group in self._groups.values()))
        await self.backend.close()
        if self._root is not None:
            remove_socket_directory(self._root)


_ONE_SANDBOX: Final = {profiles.DEFAULT: Profile(profiles.DEFAULT)}

_Launch = Callable[[Profile, Callable[[Sandbox], None]], Coroutine[Any, Any, Sandbox]]


class _Group:
    """The sandboxes of one profile: never fewer than its minimum, more while all are busy, fewer when they are not."""

    def __init__(self, profile: Profile, slots: int, launch: _Launch) -> None:
        self.sandboxes: list[Sandbox] = []
        self._profile = profile
        self._slots = slots
        self._launch = launch
        self._launching = 0
        self._places = asyncio.Semaphore(profile.sandboxes_max * slots)
        self._changed = asyncio.Event()
        self._busy_until: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[Sandbox] = set()
        self._closing = False
        self._trouble = ""
        """Why the last launch failed."""

    async def open(self) -> None:
        """Launch the minimum. Raises SandboxUnavailableError."""
        await asyncio.gather(*(self._launch_one() for _ in range(self._profile.sandboxes_min)))
        if self._profile.sandboxes_max > self._profile.sandboxes_min:
            self._start(self._shrink_forever())

    def prepare(self, call: Call) -> Prepared | None:
        """Prepare a call in the sandbox with the fewest, if that can be done at once."""
        if self._places.locked() or not self.sandboxes:
            return None
        sandbox = min(self.sandboxes, key=lambda sandbox: sandbox.running)
        return None if sandbox.isolation is Isolation.SANDBOX else sandbox.prepare(call)

    async def use(
        self, work: Callable[[Sandbox], Awaitable[T]], *, untrusted: bool = False, first: Sandbox | None = None
    ) -> T:
        """Do work in the `first` sandbox, or in that with the fewest calls, and once more if that one is lost meanwhile."""
        async with self._places:
            try:
                return await self._use_one(first or await self._least_busy(), work, untrusted=untrusted)
            except SandboxUnavailableError:
                return await self._use_one(await self._least_busy(), work, untrusted=untrusted)

    async def _use_one(self, sandbox: Sandbox, work: Callable[[Sandbox], Awaitable[T]], *, untrusted: bool) -> T:
        if untrusted and sandbox.isolation is Isolation.SANDBOX:
            return await self._use_up(sandbox, work)
        try:
            return await work(sandbox)
        finally:
            if sandbox in self.sandboxes:
                self._busy_until[sandbox.spec.sandbox_id] = asyncio.get_running_loop().time()

    async def _use_up(self, sandbox: Sandbox, work: Callable[[Sandbox], Awaitable[T]]) -> T:
        """Do work in a sandbox that nobody else gets, before or after."""
        self.sandboxes.remove(sandbox)
        self._leaving.add(sandbox)
        self._launch_another()
        try:
            return await work(sandbox)
        finally:
            self._start(self._clear_up(sandbox))

    async def _least_busy(self) -> Sandbox:
        least = min((sandbox.running for sandbox in self.sandboxes), default=self._slots)
        if least >= self._slots and len(self.sandboxes) + self._launching < self._profile.sandboxes_max:
            self._launch_another()
        if not self.sandboxes:
            await self._wait_for_one()
        return min(self.sandboxes, key=lambda sandbox: sandbox.running)

    async def _wait_for_one(self) -> None:
        try:
            async with asyncio.timeout(_ANY_SANDBOX_TIMEOUT_S):
                while not self.sandboxes:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            why = self._trouble or "none was started in time"
            raise SandboxUnavailableError(f"no {self._profile.name} sandbox is running: {why}") from None

    async def _launch_one(self) -> None:
        self.sandboxes.append(await self._launch(self._profile, self._lost))
        self._trouble = ""
        self._changed.set()

    def _launch_another(self) -> None:
        self._launching += 1
        self._start(self._launch_until_done())

    async def _launch_until_done(self) -> None:
        attempt = 0
        try:
            while True:
                await asyncio.sleep(_RELAUNCH_DELAY_S[min(attempt, len(_RELAUNCH_DELAY_S) - 1)])
                attempt += 1
                try:
                    return await self._launch_one()
                except SandboxUnavailableError as error:
                    self._trouble = str(error)
        finally:
            self._launching -= 1

    def _lost(self, sandbox: Sandbox) -> None:
        if sandbox in self.sandboxes:
            self.sandboxes.remove(sandbox)
            if not self._closing:
                self._leaving.add(sandbox)
                self._start(self._clear_up(sandbox))
                if len(self.sandboxes) + self._launching < self._profile.sandboxes_min:
                    self._launch_another()

    async def _clear_up(self, sandbox: Sandbox) -> None:
        self._busy_until.pop(sandbox.spec.sandbox_id, None)
        await sandbox.close()
        self._leaving.discard(sandbox)

    async def _shrink_forever(self) -> None:
        while True:
            await asyncio.sleep(self._profile.idle_s / _IDLE_CHECKS)
            now = asyncio.get_running_loop().time()
            for sandbox in list(self.sandboxes):
                idle_s = now - self._busy_until.setdefault(sandbox.spec.sandbox_id, now)
                spare = len(self.sandboxes) > self._profile.sandboxes_min
                if spare and not sandbox.running and idle_s >= self._profile.idle_s:
                    self.sandboxes.remove(sandbox)
                    self._leaving.add(sandbox)
                    await self._clear_up(sandbox)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Kill them all."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        sandboxes, self.sandboxes = [*self.sandboxes, *self._leaving], []
        await asyncio.gather(*(sandbox.close() for sandbox in sandboxes))
