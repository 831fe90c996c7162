"""The `jigsmith` command against a real runtime: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

SCHEMA = '{"type": "object", "properties": {"values": {"type": "array", "items": {"type": "number"}}}, "required": ["values"]}'
Jigsmith = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def jigsmith(runtime) -> Jigsmith:
    """Give the command, as somebody with a role."""

    def run(role: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"JIGSMITH_ADDRESS": runtime.address, "JIGSMITH_TOKEN": runtime.token(role)}
        command = [Path(sys.executable).parent / "jigsmith", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, input=stdin, check=False)

    return run


@pytest.fixture
def mean(tmp_path: Path, jigsmith: Jigsmith) -> str:
    """Register a function by the command line; give its version."""
    path = tmp_path / "mean.py"
    path.write_text(f"# {uuid.uuid4()}\ndef mean(values):\n    print('adding')\n    return sum(values) / len(values)\n")
    done = jigsmith("optimizer", "functions", "register", str(path), "--description", "Mean.", "--parameters", SCHEMA)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_whole_way_by_the_command_line(jigsmith: Jigsmith, mean: str) -> None:
    """Register, revise, request, look, approve, call, read the log."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    assert jigsmith("optimizer", "sets", "create", name).stdout == f"functionSets/{name}\n"
    revision = jigsmith("optimizer", "sets", "revise", name, mean, "--message", "first").stdout.strip()
    assert "draft" in jigsmith("reviewer", "sets", "show", name).stdout
    asked = jigsmith(
        "optimizer", "--json", "releases", "request", name, revision, "--channel", "production", "--reason", "Good."
    )
    release = json.loads(asked.stdout)["name"]
    shown = jigsmith("reviewer", "releases", "show", release).stdout
    assert "+    return sum(values) / len(values)" in shown
    unsure = jigsmith("reviewer", "releases", "approve", release, "--reason", "Read.", stdin="n\n")
    assert (unsure.returncode, "+def mean(values):" in unsure.stderr) == (3, True)
    assert jigsmith("reviewer", "releases", "approve", release, "--reason", "Read.", stdin="y\n").returncode == 0
    assert revision in jigsmith("auditor", "sets", "channels", name).stdout
    target = f"functionSets/{name}/channels/production/functions/mean"
    done = jigsmith("agent", "invoke", target, '{"values": [1, 2, 6]}')
    assert (done.returncode, done.stdout, done.stderr) == (0, "3.0\n", "adding\n")
    facts = json.loads(jigsmith("agent", "--json", "invoke", target, "-", stdin='{"values": [1]}').stdout)
    assert facts["result"] == 1.0
    assert facts["function_version"] == mean
    listed = jigsmith("auditor", "--json", "audit", "list", "--invocation", facts["invocation"]).stdout.splitlines()
    kinds = [json.loads(json.loads(line)["entry_json"])["kind"] for line in listed]
    assert kinds == ["call.accepted", "call.finished"]
    assert "jigsmith/" in jigsmith("auditor", "audit", "checkpoint").stdout
    assert jigsmith("auditor", "audit", "proof", str(facts["receipt"]["index"])).returncode == 0
    back = jigsmith("operator", "releases", "rollback", release, "--reason", "Oops.")
    assert "rolled_back" in back.stdout


def test_dry_runs_do_nothing(jigsmith: Jigsmith, mean: str, tmp_path: Path) -> None:
    """Each command that changes something has one: it checks everything, and afterwards nothing is there."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    fresh = tmp_path / "fresh.py"
    fresh.write_text(f"def fresh_{name[4:]}():\n    return 1\n")
    register = (
        "functions",
        "register",
        str(fresh),
        "--name",
        f"fresh_{name[4:]}",
        "--description",
        "d",
        "--parameters",
        "{}",
    )
    assert jigsmith("optimizer", "sets", "create", name, "--dry-run").returncode == 0
    assert jigsmith("optimizer", "sets", "show", name).returncode == 4
    assert (
        jigsmith("optimizer", *register, "--dry-run").returncode == 3
    )  # and a fault is a fault: {} is no object's schema
    assert jigsmith("optimizer", *register[:-1], '{"type": "object"}', "--dry-run").returncode == 0
    assert jigsmith("optimizer", "functions", "show", f"fresh_{name[4:]}").returncode == 4
    jigsmith("optimizer", "sets", "create", name)
    revision = jigsmith("optimizer", "sets", "revise", name, mean, "--dry-run").stdout.strip()
    assert revision == f"it would be functionSets/{name}/revisions/1"
    assert jigsmith("admin", "sets", "allow-policy", name, "none", "--reason", "r", "--dry-run").returncode == 0
    revision = jigsmith("optimizer", "sets", "revise", name, mean).stdout.strip()
    asked = ("releases", "request", name, revision, "--channel", "production", "--reason", "r")
    assert jigsmith("optimizer", *asked, "--dry-run").returncode == 0
    release = json.loads(jigsmith("optimizer", "--json", *asked).stdout)["name"]
    for role, *command in (
        ("evaluator", "evidence", release, "--suite", "s", "--passed", "1", "--failed", "0", "--passed-all"),
        ("reviewer", "approve", release, "--reason", "r"),
        ("reviewer", "reject", release, "--reason", "r"),
        ("operator", "quarantine", revision, "--reason", "r", "--now"),
    ):
        done = jigsmith(role, "releases", *command, "--dry-run")
        assert (done.returncode, "dry run" in done.stdout) == (0, True), done
    shown = json.loads(jigsmith("reviewer", "--json", "releases", "show", release).stdout)
    assert shown["release"]["state"] == "RELEASE_STATE_PENDING"
    assert release in jigsmith("reviewer", "releases", "list", name, "--pending").stdout


def test_exit_codes_tell_the_kinds_of_failure_apart(jigsmith: Jigsmith, mean: str, tmp_path: Path) -> None:
    """And each says on stderr what happened."""
    endless = tmp_path / "endless.py"
    endless.write_text("def endless():\n    return 'x' * 2_000_000\n")
    registered = jigsmith(
        "optimizer", "functions", "register", str(endless), "--description", "e", "--parameters", '{"type": "object"}'
    )
    cases = [
        (1, "ZeroDivisionError", ["optimizer", "invoke", mean, '{"values": []}']),
        (2, "not JSON", ["optimizer", "invoke", mean, "{"]),
        (2, "", ["optimizer", "invoke"]),
        (3, "values", ["optimizer", "invoke", mean, "{}"]),
        (4, "RESOURCE_NOT_FOUND", ["optimizer", "sets", "show", "nothing-of-this-name"]),
        (5, "PERMISSION_DENIED", ["agent", "functions", "list"]),
        (6, "jigsmith-runtime serve", ["agent", "--address", "127.0.0.1:9", "functions", "list"]),
        (7, "RESULT_LIMIT", ["optimizer", "invoke", registered.stdout.strip()]),
    ]
    for code, said, arguments in cases:
        done = jigsmith(*arguments)
        assert (done.returncode, said in done.stderr, done.stdout) == (code, True, ""), (arguments, done)


def test_hostile_text_does_not_reach_the_terminal_as_it_is(jigsmith: Jigsmith, tmp_path: Path) -> None:
    """Escapes in output, results and messages are made visible."""
    path = tmp_path / "evil.py"
    path.write_text(
        'def evil(n):\n    print("\\x1b[2J")\n    if n:\n        raise ValueError("\\x1b[31m\\u202e")\n    return "\\x9b1m"\n'
    )
    name = jigsmith(
        "optimizer",
        "functions",
        "register",
        str(path),
        "--description",
        "\x1b[1m",
        "--parameters",
        '{"type": "object"}',
    ).stdout.strip()
    for arguments in (["invoke", name, '{"n": 0}'], ["invoke", name, '{"n": 1}'], ["functions", "show", name]):
        for options in ([], ["--json"]):
            done = jigsmith("optimizer", *options, *arguments)
            assert not set("\x1b\x9b\u202e") & set(done.stdout + done.stderr)


def test_doctor(jigsmith: Jigsmith) -> None:
    """Says what it found, and fails if the runtime does not answer."""
    done = jigsmith("optimizer", "doctor")
    assert (done.returncode, "SERVING" in done.stdout) == (0, True)
    assert jigsmith("agent", "doctor").returncode == 0
    assert jigsmith("agent", "--token", "wrong", "doctor").returncode == 6
    assert jigsmith("agent", "--address", "127.0.0.1:9", "doctor").returncode == 6


def test_verify_needs_no_runtime_and_names_what_is_wrong(
    runtime, jigsmith: Jigsmith, mean: str, tmp_path: Path
) -> None:
    """On the log of a runtime in use, then on a tampered copy."""
    import shutil  # noqa: PLC0415

    from jigsmith_demo.tampering import edit_one_byte  # noqa: PLC0415

    jigsmith("optimizer", "invoke", mean, '{"values": [1]}')
    key = str(runtime.data / "audit-key.pub")
    snapshot = tmp_path / "snapshot"
    shutil.copytree(runtime.data / "audit", snapshot)
    good = jigsmith("auditor", "audit", "verify", "log", str(snapshot), "--key", key)
    assert (good.returncode, good.stdout.startswith("verified:")) == (0, True)
    index = edit_one_byte(snapshot, tmp_path / "tampered")
    bad = jigsmith("auditor", "--json", "audit", "verify", "log", str(tmp_path / "tampered"), "--key", key)
    assert bad.returncode == 8
    assert json.loads(bad.stdout)["first_bad"]["index"] == index
    assert (
        jigsmith(
            "auditor", "audit", "verify", "log", str(snapshot), "--key", str(runtime.data / "runtime.json")
        ).returncode
        == 2
    )
