"""Who is calling: certificates, JWTs, opaque tokens, and a file that takes effect while the runtime runs."""

import asyncio
import base64
import hmac
import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jigsmith import AsyncClient, errors
from jigsmith_runtime.cli import EXIT_UNUSABLE
from jigsmith_runtime.identity import token_digest

from tests.e2e.identities import AUDIENCE, ISSUER, Authority, Issuer

BACKENDS = ["bubblewrap"]
"""What is tried here does not depend on what runs the functions."""

SPIFFE = "spiffe://example.org/agent"


@pytest.fixture
def start(new_runtime: Callable, tmp_path: Path) -> Callable:
    """Give a way to start a runtime with more entries in its principals file."""

    def started(*options: str, principals: str = "", directory: Path | None = None):
        runtime = new_runtime("--sandboxes", "1")
        runtime.stop()
        runtime.extra_principals, runtime.options = principals, (*runtime.options, *options)
        runtime.start()
        return runtime

    return started


def entry(name: str, **keys: object) -> str:
    """Return an entry of the principals file."""
    return "\n".join(
        ["", "[[principal]]", f'name = "{name}"', *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    )


async def whoami(runtime, **options: object) -> str:
    """Return what a caller may do: `reader`, `agent`, or the reason why nothing."""
    address = f"localhost:{runtime.address.rpartition(':')[2]}" if "root_certificates" in options else runtime.address
    async with AsyncClient(address, timeout_s=10, **options) as one:
        try:
            async for _ in one.list_functions():
                break
        except errors.JigsmithError as error:
            return "agent" if error.reason == "PERMISSION_DENIED" else error.reason or error.status
        return "reader"


async def test_certificates_name_their_bearers(start: Callable, tmp_path: Path) -> None:
    """By SPIFFE ID or common name; unknown names are nobody, foreign authorities do not get through the handshake."""
    authority, foreign = Authority(), Authority("another")
    options = authority.server(tmp_path)
    principals = entry("service:spiffe", certificate=SPIFFE, roles=["auditor"]) + entry(
        "service:common", certificate="CN=common", roles=["agent"]
    )
    runtime = start(*options, "--client-ca", str(tmp_path / "ca.pem"), principals=principals)
    trusted = {"root_certificates": authority.certificate}

    def certificate(one: Authority, name: str, *names: x509.GeneralName) -> dict[str, bytes]:
        made = one.issue(name, *names)
        return trusted | {"client_certificate": made[0], "client_key": made[1]}

    assert await whoami(runtime, **certificate(authority, "x", x509.UniformResourceIdentifier(SPIFFE))) == "reader"
    assert await whoami(runtime, **certificate(authority, "common")) == "agent"
    # A SPIFFE ID speaks for the certificate: its common name does not come on top.
    other = x509.UniformResourceIdentifier("spiffe://example.org/other")
    assert await whoami(runtime, **certificate(authority, "common", other)) == "UNAUTHENTICATED"
    assert await whoami(runtime, **certificate(authority, "nobody")) == "UNAUTHENTICATED"
    assert await whoami(runtime, **certificate(foreign, "common")) == "UNAVAILABLE"
    assert await whoami(runtime, **trusted) == "UNAVAILABLE"
    assert await whoami(runtime) == "UNAVAILABLE"
    token = runtime.token("auditor")
    assert await whoami(runtime, token=token, **certificate(authority, "nobody")) == "reader"
    assert await whoami(runtime, token="wrong", **certificate(authority, "common")) == "UNAUTHENTICATED"


async def test_a_renewed_certificate_is_served_without_a_restart(start: Callable, tmp_path: Path) -> None:
    """TLS without client certificates; the new files take effect with the next handshake, half-written ones never."""
    first, second = Authority("first"), Authority("second")
    runtime = start(*first.server(tmp_path))
    token = runtime.token("auditor")
    assert await whoami(runtime, token=token, root_certificates=first.certificate) == "reader"
    (tmp_path / "tls.pem").write_bytes(b"half")
    assert await whoami(runtime, token=token, root_certificates=first.certificate) == "reader"
    second.server(tmp_path)
    assert await whoami(runtime, token=token, root_certificates=second.certificate) == "reader"
    assert await whoami(runtime, token=token, root_certificates=first.certificate) == "UNAVAILABLE"


FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "expired": lambda issuer: issuer.token("ann", lives_s=-40),
    "not yet valid": lambda issuer: issuer.token("ann", nbf=int(time.time()) + 300),
    "issued in the future": lambda issuer: issuer.token("ann", iat=int(time.time()) + 300),
    "for another audience": lambda issuer: issuer.token("ann", aud="other"),
    "by another issuer": lambda issuer: issuer.token("ann", iss="https://other.example.org"),
    "without an end": lambda issuer: issuer.token("ann", exp=None),
    "without a subject": lambda issuer: issuer.token("ann", sub=None),
    "without an audience": lambda issuer: issuer.token("ann", aud=None),
    "about nobody here": lambda issuer: issuer.token("somebody"),
    "with an unknown key": lambda issuer: issuer.token("ann", key_id="two"),
    "unsigned": lambda issuer: jwt.encode(
        jwt.decode(issuer.token("ann"), options={"verify_signature": False}),
        "",
        algorithm="none",
        headers={"kid": "one"},
    ),
    "of another key": lambda issuer: jwt.encode(
        jwt.decode(issuer.token("ann"), options={"verify_signature": False}),
        ec.generate_private_key(ec.SECP256R1()),
        algorithm="ES256",
        headers={"kid": "one"},
    ),
    "with other claims": lambda issuer: _altered(issuer.token("ann")),
    "nonsense": lambda _: "a.b.c",
}


def _hs256(issuer: Issuer) -> str:
    """Return a token signed by hand: the library refuses to make what attackers make."""
    public = issuer.keys["one"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = issuer.token("ann").split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one","typ":"JWT"}').decode().rstrip("=")
    signature = hmac.digest(public, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _altered(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["exp"] += 1
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.{signature}"


FORGERIES["signed with the public key as a secret"] = _hs256


async def test_jwts_are_believed_if_everything_fits_and_not_otherwise(start: Callable) -> None:
    """Every way in which one may not fit, one after the other; nothing of a token is told or logged."""
    with Issuer() as issuer:
        options = ("--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwks", issuer.url)
        runtime = start(*options, principals=entry("user:ann", subject="ann", roles=["auditor"]))
        good = issuer.token("ann")
        assert await whoami(runtime, token=good) == "reader"
        assert await whoami(runtime, token=issuer.token("ann", lives_s=-10)) == "reader"  # clocks differ a little
        assert await whoami(runtime, token=runtime.token("auditor")) == "reader"
        for kind, forged in FORGERIES.items():
            token = forged(issuer)
            assert await whoami(runtime, token=token) == "UNAUTHENTICATED", kind
            assert token not in runtime.log
        assert good not in runtime.log


async def test_new_keys_of_an_issuer_are_fetched_and_old_ones_forgotten(start: Callable) -> None:
    """A token of an unknown key is refused at first; some seconds later it is known, and the old key is not."""
    with Issuer() as issuer:
        options = ("--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwks", issuer.url)
        runtime = start(*options, principals=entry("user:ann", subject="ann", roles=["auditor"]))
        old = issuer.token("ann")
        assert await whoami(runtime, token=old) == "reader"
        issuer.keys = {"two": ec.generate_private_key(ec.SECP256R1())}
        fresh = issuer.token("ann", key_id="two")
        assert await whoami(runtime, token=fresh) == "UNAUTHENTICATED"
        async with asyncio.timeout(30):
            while await whoami(runtime, token=fresh) != "reader":
                await asyncio.sleep(0.5)
        assert await whoami(runtime, token=old) == "UNAUTHENTICATED"
        assert issuer.asked <= 5  # however many tokens name unknown keys


async def test_the_principals_file_takes_effect_while_the_runtime_runs(start: Callable) -> None:
    """Added and removed by the next second, at once with SIGHUP; a broken file changes nothing and says why."""
    runtime = start()
    path, token = runtime.directory / "principals.toml", "jigsmith_fresh"
    before = path.read_text()
    assert await whoami(runtime, token=token) == "UNAUTHENTICATED"
    path.write_text(before + entry("user:fresh", token_sha256=token_digest(token), roles=["auditor"]))
    async with asyncio.timeout(10):
        while await whoami(runtime, token=token) != "reader":
            await asyncio.sleep(0.1)
    path.write_text("this is not TOML [")
    async with asyncio.timeout(10):
        while "principals.reload_failed" not in runtime.log:
            await asyncio.sleep(0.1)
    assert await whoami(runtime, token=token) == "reader"
    path.write_text(before)
    runtime.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(10):
        while await whoami(runtime, token=token) != "UNAUTHENTICATED":
            await asyncio.sleep(0.05)


async def test_a_principal_has_its_own_limits(start: Callable) -> None:
    """Requests per second, calls at a time, calls a day; each refusal says which, and when to come back."""
    tokens = {name: f"jigsmith_{name}" for name in ("quick", "parallel", "daily")}
    limits = {"quick": "requests_per_s = 5", "parallel": "calls_running_max = 2", "daily": "calls_per_day = 3"}
    principals = "".join(
        entry(f"service:{name}", token_sha256=token_digest(token), roles=["optimizer"])
        + f"\nlimits = {{ {limits[name]} }}"
        for name, token in tokens.items()
    )
    runtime = start(principals=principals)
    source = "import time\ndef f(s):\n    time.sleep(s)\n    return s"
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=30) as one:
        name = (
            await one.register_source("f", source, description=uuid.uuid4().hex, parameters={"type": "object"})
        ).name

    async def outcomes(who: str, times: int, seconds: float) -> list:
        async with AsyncClient(runtime.address, token=tokens[who], timeout_s=30) as client:
            calls = (client.invoke(name, {"s": seconds}) for _ in range(times))
            return await asyncio.gather(*calls, return_exceptions=True)

    for who, times, seconds, allowed in (("quick", 20, 0, 5), ("parallel", 6, 0.5, 2), ("daily", 6, 0, 3)):
        found = await outcomes(who, times, seconds)
        refused = [one for one in found if isinstance(one, Exception)]
        assert allowed <= times - len(refused) <= allowed + 2, (who, found)
        assert all(isinstance(one, errors.OverloadedError) and one.reason == "RATE_LIMITED" for one in refused), found
        assert all(one.retry_after_ms > 0 for one in refused)
    assert refused[0].metadata["quota"] == "calls_per_day"
    assert [one for one in await outcomes("parallel", 1, 0) if isinstance(one, Exception)] == []


async def test_a_tenant_is_told_of_other_tenants_sets_that_they_are_not_there(start: Callable) -> None:
    """Whichever RPC names or lists one, and whatever the role; its own set it has in full."""
    token = "jigsmith_tenant"
    roles = ["agent", "optimizer", "evaluator", "reviewer", "operator", "admin"]
    principals = entry(
        "user:tenant",
        token_sha256=token_digest(token),
        roles=roles,
        sets=["mine*"],
        channels=["functionSets/*/channels/*"],
    )
    runtime = start(principals=principals)
    async with (
        AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=30) as other,
        AsyncClient(runtime.address, token=runtime.token("reviewer"), timeout_s=30) as reviewer,
        AsyncClient(runtime.address, token=token, timeout_s=30) as tenant,
    ):
        await other.create_set("theirs")
        about = {"description": uuid.uuid4().hex, "parameters": {"type": "object"}}
        version = await other.register_source("f", "def f():\n    return 1", **about)
        revision = await other.create_revision("theirs", [version])
        release = await other.request_release("theirs", revision.name, channel="production", reason="r")
        await reviewer.approve_release(release, reason="Read.")
        attempts = [
            lambda: tenant.create_set("theirs-too"),
            lambda: tenant.get_set("theirs"),
            lambda: tenant.create_revision("theirs", []),
            lambda: tenant.create_revision("mine", [version]),
            lambda: tenant.get_revision(revision.name),
            lambda: anext(aiter(tenant.list_revisions("theirs"))),
            lambda: tenant.get_channel("functionSets/theirs/channels/production"),
            lambda: anext(aiter(tenant.list_channels("theirs"))),
            lambda: tenant.request_release("theirs", revision.name, channel="production", reason="r"),
            lambda: tenant.get_release(release.name),
            lambda: anext(aiter(tenant.list_releases("theirs"))),
            lambda: tenant.approve_release(release, reason="r"),
            lambda: tenant.reject_release(release, reason="r"),
            lambda: tenant.roll_back_release(release.name, reason="r"),
            lambda: tenant.quarantine(revision.name, reason="r"),
            lambda: tenant.deprecate_revision(revision.name, reason="r"),
            lambda: tenant.retire_revision(revision.name, reason="r"),
            lambda: tenant.allow_policy("theirs", "none", reason="r"),
            lambda: tenant.get_function_version(version.name),
            lambda: tenant.invoke(version.name),
            lambda: tenant.invoke(f"{revision.name}/functions/f"),
            lambda: tenant.invoke("functionSets/theirs/channels/production/functions/f"),
        ]
        await tenant.create_set("mine")
        for attempt in attempts:
            with pytest.raises(errors.NotFoundError):
                await attempt()
        assert [one.name async for one in tenant.list_sets()] == ["functionSets/mine"]
        assert [one async for one in tenant.list_releases()] == []
        assert [one async for one in tenant.list_functions()] == []
        assert [one async for one in tenant.list_function_versions()] == []
        mine = await tenant.register_source("g", "def g():\n    return 2", **about)
        held = await tenant.create_revision("mine", [mine])
        assert (await tenant.invoke(mine.name)).result == (await tenant.invoke(f"{held.name}/functions/g")).result == 2


async def test_functions_are_found_by_their_words(start: Callable) -> None:
    """In names and descriptions, whatever the case; what a pattern would mean elsewhere is only text."""
    runtime = start()
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=30) as one:
        for name, words in (("mean_of", "The Average, in percent: 100%"), ("other", "Something else")):
            await one.register_source(
                name, f"def {name}():\n    return 1", description=words, parameters={"type": "object"}
            )

        async def found(query: str) -> list[str]:
            return [function.name async for function in one.list_functions(query=query)]

        assert await found("average") == ["functions/mean_of"]
        assert await found("MEAN") == ["functions/mean_of"]
        assert await found("100%") == ["functions/mean_of"]
        assert await found("100%x") == await found("_%_nothing") == []
        assert len(await found("")) == 2


async def test_no_secret_reaches_logs_errors_entries_or_core_files(start: Callable) -> None:
    """Tokens, JWTs, arguments and results, in requests that succeed and in ones that fail; no core is ever written."""
    secrets = {name: f"very-secret-{name}-{uuid.uuid4().hex}" for name in ("argument", "token", "result", "error")}
    with Issuer() as issuer:
        options = ("--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwks", issuer.url)
        runtime = start(*options, principals=entry("service:ann", subject="ann", roles=["optimizer"]))
        token = issuer.token("ann")
        async with AsyncClient(runtime.address, token=token, timeout_s=30) as one:
            source = f"def f(x):\n    if x == 1:\n        raise ValueError({secrets['error']!r})\n    return x"
            schema = {"type": "object", "properties": {"x": {}}, "additionalProperties": False}
            name = (await one.register_source("f", source, description="d", parameters=schema)).name
            await one.invoke(name, {"x": secrets["result"]}, request_id=uuid.uuid4().hex)
            for wrong in ({"x": 1}, {secrets["argument"]: 1}):
                with pytest.raises(errors.JigsmithError):
                    await one.invoke(name, wrong)
        async with AsyncClient(runtime.address, token=secrets["token"], timeout_s=30) as nobody:
            with pytest.raises(errors.NotAuthorizedError) as refused:
                await nobody.invoke(name, {"x": secrets["argument"]})
        assert secrets["token"] not in str(refused.value)
        limits = Path(f"/proc/{runtime.process.pid}/limits").read_text()
        (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
        assert core[4:6] == ["0", "0"]
        runtime.stop()
    written = [
        runtime.log.encode(),
        *(path.read_bytes() for path in (runtime.data / "audit").rglob("*") if path.is_file()),
    ]
    for secret in (*secrets.values(), token, runtime.token("optimizer")):
        assert not any(secret.encode() in data for data in written), secret


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--tls-cert", "x.pem"), "together"),
        (("--client-ca", "x.pem"), "--tls-cert"),
        (("--jwks", "keys.json"), "together"),
        (("--jwt-issuer", "i", "--jwt-audience", "a", "--jwks", "http://keys.example.org/"), "https"),
        (("--jwt-issuer", "i", "--jwt-audience", "a", "--jwks", "missing.json"), "missing.json"),
        (("--tls-cert", "missing.pem", "--tls-key", "missing.pem"), "missing.pem"),
        (("--witness", "http://127.0.0.1:1"), "--witness-key"),
    ],
)
def test_options_that_make_no_sense_stop_the_start(backend: str, tmp_path: Path, options: tuple, says: str) -> None:
    """With a message that says what to do; never a weaker way in."""
    (tmp_path / "principals.toml").write_text("")
    command = [
        sys.executable,
        "-m",
        "jigsmith_runtime",
        "serve",
        "--data",
        str(tmp_path / "data"),
        "--backend",
        "bubblewrap",
    ]
    command += ["--listen", "127.0.0.1:0", "--principals", str(tmp_path / "principals.toml"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert (done.returncode, says in done.stderr) == (EXIT_UNUSABLE, True), done.stderr


def test_development_does_not_go_with_identity(backend: str, tmp_path: Path) -> None:
    """`--dev` believes everybody, so it must not look as if it did not."""
    command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--data", str(tmp_path / "data"), "--dev"]
    for more in (("--tls-cert", "a", "--tls-key", "b"), ("--jwt-issuer", "i", "--jwt-audience", "a", "--jwks", "k")):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, "--dev" in done.stderr) == (EXIT_UNUSABLE, True)
