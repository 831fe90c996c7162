"""The composition root: puts the parts together, serves, and takes them apart again in the reverse order."""

import asyncio
import dataclasses
import gc
import hashlib
import os
import resource
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Any, Final

import grpc.aio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from jigsmith.attestation import AttestationError, Attester, TrustedKeys
from jigsmith.tlog import CosignatureVerifier, NoteError
from jigsmith.v1 import (
    audit_pb2,
    audit_pb2_grpc,
    function_pb2,
    function_pb2_grpc,
    function_set_pb2,
    function_set_pb2_grpc,
    invocation_pb2,
    invocation_pb2_grpc,
    release_pb2,
    release_pb2_grpc,
)
from jigsmith_sandbox import environment
from jigsmith_sandbox.backend import Backend
from jigsmith_sandbox.backends import choose
from jigsmith_sandbox.call_groups import MemoryScope
from jigsmith_sandbox.limits import LimitPolicy
from jigsmith_sandbox.limits import load as load_limits
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.profiles import DEFAULT as DEFAULT_PROFILE
from jigsmith_sandbox.profiles import Profile
from jigsmith_sandbox.profiles import load as load_profiles
from jigsmith_sandbox.self_check import memory_scope_meaning
from jigsmith_worker.isolation import Isolation

from jigsmith_runtime.admission import Lane, LaneName
from jigsmith_runtime.audit import AuditLog, load_or_create_signer
from jigsmith_runtime.audit.entries import Entry, EntryWriter
from jigsmith_runtime.audit.keys import load_or_create_key
from jigsmith_runtime.audit.payloads import AuditPolicy, PayloadStore
from jigsmith_runtime.audit.witnessing import WitnessedLog, kept_cosigned
from jigsmith_runtime.changes import Changes
from jigsmith_runtime.data_folder import DataFolder, write_atomically
from jigsmith_runtime.execution import Executor
from jigsmith_runtime.following import following
from jigsmith_runtime.identity import Credentials, DevMetadata, Identifier, Principals, reloading
from jigsmith_runtime.identity.jwks import JwksSource
from jigsmith_runtime.identity.jwt_tokens import JwtVerifier
from jigsmith_runtime.identity.tls import TlsFiles
from jigsmith_runtime.interceptors.identity import Gate
from jigsmith_runtime.interceptors.rpc import RpcInterceptor
from jigsmith_runtime.quotas import Quotas
from jigsmith_runtime.refusals import Refusals
from jigsmith_runtime.registration import Registration
from jigsmith_runtime.registry.database import Database
from jigsmith_runtime.releases.commands import ReleaseCommands
from jigsmith_runtime.releases.enforcement import Enforcement
from jigsmith_runtime.releases.policy import ReleasePolicy
from jigsmith_runtime.releases.retirement import RetirementCommands
from jigsmith_runtime.repeats import Repeats
from jigsmith_runtime.retention import Retention
from jigsmith_runtime.services.audit import AuditService
from jigsmith_runtime.services.function_sets import FunctionSetService
from jigsmith_runtime.services.functions import FunctionService
from jigsmith_runtime.services.invocations import InvocationService
from jigsmith_runtime.services.releases import ReleaseService
from jigsmith_runtime.settings import Settings, SettingsError, is_loopback
from jigsmith_runtime.targets import Targets

_GRACE_S: Final = 5.0
"""How long calls that run may go on after SIGTERM."""
_RECEIVE_BYTES_MAX: Final = 4 * 1_048_576
"""Arguments (1 MiB) or a version (64 KiB each of source and schemas), with room to spare."""
_SEND_BYTES_MAX: Final = 16 * 1_048_576
"""A result at the ceiling (8 MiB), its output, or a page of a list."""

_GC_THRESHOLDS: Final = (20_000, 20, 50)

_SERVICES: Final = (
    function_pb2.DESCRIPTOR.services_by_name["FunctionService"].full_name,
    function_set_pb2.DESCRIPTOR.services_by_name["FunctionSetService"].full_name,
    release_pb2.DESCRIPTOR.services_by_name["ReleaseService"].full_name,
    invocation_pb2.DESCRIPTOR.services_by_name["InvocationService"].full_name,
    audit_pb2.DESCRIPTOR.services_by_name["AuditService"].full_name,
)

_log = structlog.get_logger(__name__)


class ListenError(Exception):
    """The address cannot be listened on."""


async def serve(settings: Settings) -> None:
    """Run a runtime until SIGTERM or SIGINT.

    Raises ListenError, DataFolderError, PrincipalsFileError, AuditPolicyError, ReleasePolicyError, AttestationError,
    LogCorruptError, KeyFileError, BackendMissingError, SandboxUnavailableError, LimitError, ProfileError, BlockingIOError if
    another runtime uses the data folder.
    """
    _allow_descriptors()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        await _assemble(settings, stack)
        await stopping.wait()
        _log.info("runtime.stopping")
    _log.info("runtime.stopped")


def _allow_descriptors() -> None:
    """Take as many descriptors as this process may have: a child that waits for a call needs a dozen, a connection one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _assemble(settings: Settings, stack: AsyncExitStack) -> None:
    """Bring everything up; what is pushed on the stack comes down again in the reverse order."""
    identifier, quotas = await _identifier(settings, stack), Quotas()
    limits = load_limits()
    folder = DataFolder(settings.data)
    folder.prepare()
    node = folder.node()
    log = await _open_log(stack, folder, node)
    database = await Database.open(settings.database or folder.database)
    stack.push_async_callback(database.close)
    entries = EntryWriter(node)
    changes, repeats = Changes(database, log, entries), Repeats(database, node)
    stack.push_async_callback(changes.close)
    await changes.recover()
    await _close_interrupted(log, entries, repeats)
    await _begin_witnessing(stack, settings, folder, log)
    payloads = PayloadStore.open(folder.payloads, folder.payload_key)
    audit_policy = _audit_policy(settings)
    _run_beside(stack, Retention(database, payloads, audit_policy, log, entries).run())
    attester, enforcement = _signing(settings, folder)
    refusals = Refusals(log, entries)
    stack.push_async_callback(refusals.close)
    backend = await choose(
        settings.backend,
        docker_image=settings.sandbox_image,
        container_runtime=settings.container_runtime,
        launcher=settings.launcher,
    )
    pool = await stack.enter_async_context(_pool(settings, backend, limits, node))
    lanes = {
        name: Lane(
            name,
            concurrency=settings.concurrency,
            max_waiting=settings.max_waiting,
            max_waiting_bytes=settings.max_waiting_mib * 1_048_576,
        )
        for name in LaneName
    }
    registration = Registration(entries, limits, pool, lanes[LaneName.OPTIMIZER], attester)
    executor = Executor(
        pool=pool,
        log=log,
        entries=entries,
        payloads=payloads,
        audit_policy=audit_policy,
        lanes=lanes,
        targets=Targets(database, changes, enforcement, log, entries),
        limits=limits,
    )
    commands = ReleaseCommands(entries, attester, _release_policy(settings), limits.default.as_dict())
    invocations = InvocationService(executor, repeats, refusals, quotas)
    stack.push_async_callback(invocations.close)

    await stack.enter_async_context(following(database, changes, executor.end_running))
    server, port = _listen(settings, RpcInterceptor(Gate(identifier, quotas), refusals))
    function_pb2_grpc.add_FunctionServiceServicer_to_server(FunctionService(database, changes, registration), server)
    function_set_pb2_grpc.add_FunctionSetServiceServicer_to_server(
        FunctionSetService(database, changes, registration), server
    )
    release_pb2_grpc.add_ReleaseServiceServicer_to_server(
        ReleaseService(database, changes, commands, RetirementCommands(entries), executor), server
    )
    invocation_pb2_grpc.add_InvocationServiceServicer_to_server(invocations, server)
    audit_pb2_grpc.add_AuditServiceServicer_to_server(AuditService(log, entries, payloads, folder.witnessed), server)
    health = await _add_health_and_reflection(server)

    await log.append(_started(settings, entries, pool))
    await server.start()
    stack.push_async_callback(server.stop, _GRACE_S)
    stack.push_async_callback(health.enter_graceful_shutdown)
    address = f"{settings.listen.rpartition(':')[0]}:{port}"
    facts: dict[str, str | int] = {
        "address": address,
        "pid": os.getpid(),
        "node": node,
        "backend": backend.name,
        "isolation": pool.isolation.value,
        "memory_scope": pool.memory_scope.value,
        "version": version("jigsmith"),
        "audit_directory": str(folder.audit),
        "audit_public_key": log.verifier_key,
    }
    folder.announce(facts)
    stack.callback(folder.withdraw)
    _warn(settings, pool)
    _settle_memory()
    _log.info("runtime.ready", **facts)


def _settle_memory() -> None:
    """Tell the collector that what exists now lives as long as the process: looking at it again would stop calls that run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _started(settings: Settings, entries: EntryWriter, pool: Pool) -> Entry:
    return entries.runtime_started(
        version=version("jigsmith"),
        backend=pool.backend.name,
        image=pool.backend.image,
        isolation=pool.isolation.value,
        memory_scope=pool.memory_scope.value,
        digests=environment.digests(settings.profiles),
    )


async def _close_interrupted(log: AuditLog, entries: EntryWriter, repeats: Repeats) -> None:
    """Give every call that a crash cut off its terminal entry, and its answer if it had a request id."""
    calls = log.interrupted_calls()
    await asyncio.gather(
        *(
            log.append(
                entries.call_finished(
                    call.principal, invocation=call.invocation, accepted_index=call.index, outcome="INTERRUPTED"
                )
            )
            for call in calls
        )
    )
    unanswered = await repeats.close_unfinished()
    if calls or unanswered:
        _log.warning("runtime.recovered", interrupted_calls=len(calls), unanswered_requests=unanswered)


_GRPC_EXPERIMENTS: Final = "-event_engine_listener"
"""How gRPC reads its sockets: by the thread that waits for its events, and not by a pool of threads that hand each event to it.
Six changes of context fewer for each call. What an operator sets in the environment goes before it."""


def _listen(settings: Settings, interceptor: RpcInterceptor) -> tuple[grpc.aio.Server, int]:
    os.environ.setdefault("GRPC_EXPERIMENTS", _GRPC_EXPERIMENTS)  # read when the first server is made
    server = grpc.aio.server(
        interceptors=[interceptor],
        options=[
            ("grpc.max_concurrent_streams", settings.streams_max),
            # It would count streams that have just ended and refuse new ones for it, without a word on when to come back.
            ("grpc.http.overload_protection", 0),
            ("grpc.so_reuseport", 0),  # two runtimes on one port would share the calls
            ("grpc.max_receive_message_length", _RECEIVE_BYTES_MAX),
            ("grpc.max_send_message_length", _SEND_BYTES_MAX),
        ],
    )
    # Of registered handlers grpc.aio awaits one request each, all of them anew with every RPC; of generic ones just one.
    server.add_registered_method_handlers = lambda *_: None  # type: ignore[method-assign]
    try:
        if settings.tls_cert is None or settings.tls_key is None:
            port = server.add_insecure_port(settings.listen)
        else:
            files = TlsFiles(settings.tls_cert, settings.tls_key, settings.client_ca)
            port = server.add_secure_port(settings.listen, files.credentials())
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {settings.listen}: is the port taken?") from error
    return server, port


async def _add_health_and_reflection(server: grpc.aio.Server) -> health_aio.HealthServicer:
    health = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    for name in ("", *_SERVICES):
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflected = (*_SERVICES, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(reflected, server)
    return health


async def _open_log(stack: AsyncExitStack, folder: DataFolder, node: str) -> AuditLog:
    """Open the node's log, which also shows that no other runtime uses the folder."""
    log = await AuditLog.open(folder.audit, signer=load_or_create_signer(folder.audit_key, f"jigsmith/{node}"))
    stack.push_async_callback(log.close)
    folder.withdraw()  # only now, with the log locked, is it certain that no other runtime wrote it
    write_atomically(folder.audit_public_key, f"{log.verifier_key}\n")
    return log


async def _begin_witnessing(stack: AsyncExitStack, settings: Settings, folder: DataFolder, log: AuditLog) -> None:
    """Have a witness cosign the log from now on, if one is named."""
    if settings.witness is None or settings.witness_key is None:
        return

    async def prove(old_size: int, size: int) -> list[bytes]:
        return await asyncio.to_thread(log.consistency_proof, old_size, size)

    async def store(note: str) -> None:
        await asyncio.to_thread(write_atomically, folder.witnessed, note)

    try:
        key = CosignatureVerifier.parse(settings.witness_key.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise SettingsError(f"--witness-key {settings.witness_key}: {error}") from error
    await stack.enter_async_context(kept_cosigned(settings.witness, key, WitnessedLog(log.checkpoint, prove, store)))


def _signing(settings: Settings, folder: DataFolder) -> tuple[Attester, Enforcement]:
    """Return what signs approvals here, and what believes this node's signatures and those of others that are trusted."""
    attester = Attester(load_or_create_key(folder.release_key))
    write_atomically(folder.release_public_key, attester.public_pem.decode())
    try:
        others = [path.read_bytes() for path in settings.trusted_keys]
    except OSError as error:
        raise AttestationError(f"cannot read the trusted key {error.filename}: {error.strerror}") from error
    return attester, Enforcement(TrustedKeys.parse(attester.public_pem, *others))


def _release_policy(settings: Settings) -> ReleasePolicy:
    return ReleasePolicy() if settings.release_policy is None else ReleasePolicy.load(settings.release_policy)


def _audit_policy(settings: Settings) -> AuditPolicy:
    return AuditPolicy() if settings.audit_policy is None else AuditPolicy.load(settings.audit_policy)


async def _identifier(settings: Settings, stack: AsyncExitStack) -> Identifier:
    """Return what finds out who is calling, kept up to date with the files and keys that it rests on."""
    if settings.principals is None:
        return DevMetadata()
    jwt = None
    if settings.jwks is not None and settings.jwt_issuer is not None and settings.jwt_audience is not None:
        source = await JwksSource.open(settings.jwks)
        _run_beside(stack, source.follow())
        jwt = JwtVerifier(
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            keys=source.keys,
            unknown_key=source.ask_again,
        )
    credentials, now = Credentials(Principals.load(settings.principals), jwt), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, now.set)
    _run_beside(stack, reloading.follow(settings.principals, credentials, now))
    return credentials


def _run_beside(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:  # Any: what coroutines may send
    """Run something until the runtime stops."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


def _pool(settings: Settings, backend: Backend, limits: LimitPolicy, node: str) -> Pool:
    profiles = _profiles(settings)
    return Pool(
        backend,
        owner=sandbox_owner(node),
        slots=-(-settings.concurrency * len(LaneName) // profiles[DEFAULT_PROFILE].sandboxes_max),
        profiles=profiles,
        limits=limits,
        sockets=settings.sockets,
    )


def _profiles(settings: Settings) -> dict[str, Profile]:
    found = dict(load_profiles(settings.profiles))
    if settings.sandboxes is not None:
        found[DEFAULT_PROFILE] = dataclasses.replace(
            found[DEFAULT_PROFILE], sandboxes_min=settings.sandboxes, sandboxes_max=settings.sandboxes
        )
    return found


def sandbox_owner(node: str) -> str:
    """Return whose sandboxes these are: the node's, which its data folder names, so that a restart finds what is left.

    Not the folder's path: many containers have their data at the same one.
    """
    return hashlib.sha256(node.encode()).hexdigest()[:16]


def _warn(settings: Settings, pool: Pool) -> None:
    if pool.isolation is not Isolation.NAMESPACES:
        meaning = "`jigsmith-runtime doctor` says what holds here"
        _log.warning("isolation.weaker", isolation=pool.isolation.value, meaning=meaning)
    if pool.memory_scope is not MemoryScope.CALL:
        _log.warning("memory_scope.weaker", memory_scope=pool.memory_scope.value, meaning=memory_scope_meaning(pool))
    if settings.dev:
        _log.warning("identity.dev", meaning="callers are believed; every one of them may do everything")
    if settings.tls_cert is None and not is_loopback(settings.listen):
        _log.warning("listen.plaintext", meaning="tokens travel unencrypted; put TLS in front of this address")
