"""deploy/compose for real: launcher, runtime and optimizer in containers of their own; who reaches what."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jigsmith_optimizer.tasks.word_problems import write_splits

ROOT = Path(__file__).parents[2]
IMAGES = ("sandbox", "runtime", "optimizer", "egress")
MODEL = "scripted-stand-in"

pytestmark = [pytest.mark.compose, pytest.mark.timeout(300)]


@dataclass
class Deployment:
    """A running compose project."""

    project: str
    secrets: Path
    environment: dict[str, str]

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run docker-compose for this project."""
        files = ["-f", str(ROOT / "deploy/compose/compose.yaml"), "-f", str(ROOT / "tests/compose/stand_in.yaml")]
        command = ["docker-compose", "-p", self.project, *files, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def token(self, name: str) -> str:
        """Return a token that `prepare` made."""
        return (self.secrets / f"{name}.token").read_text().strip()

    def jigsmith(self, who: str, *arguments: str) -> str:
        """Run the `jigsmith` command inside the runtime's container."""
        done = self.compose(
            "exec", "-T", "-e", f"JIGSMITH_TOKEN={self.token(who)}", "runtime", "python3", "-m", "jigsmith", *arguments
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python_in_optimizer(self, code: str) -> str:
        """Run code in a new optimizer container."""
        done = self.compose("run", "--rm", "--entrypoint", "python3", "optimizer", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Bring the project up; skips by the name of what is missing."""
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    for image in IMAGES:
        if subprocess.run(
            ["docker", "image", "inspect", f"jigsmith-{image}:dev"], capture_output=True, check=False
        ).returncode:
            pytest.skip(f"no Docker engine with the image jigsmith-{image}:dev (make images)")
    directory = tmp_path_factory.mktemp("compose")
    keys, tasks, run = directory / "secrets", directory / "tasks", directory / "run"
    subprocess.run([ROOT / "deploy/compose/prepare", keys, "model"], check=True, capture_output=True)
    for folder in (tasks, run):
        folder.mkdir()
    write_splits(tasks, seed=1, train=8, validation=80, test=8)
    environment = os.environ | {
        "JIGSMITH_SECRETS": str(keys),
        "JIGSMITH_TASKS": str(tasks),
        "JIGSMITH_RUN": str(run),
        "MODEL": MODEL,
        "OPENAI_BASE_URL": "http://model:8080/v1",
        "OPENAI_API_KEY": "none",
        "DEMO": str(ROOT / "demo"),
    }
    made = Deployment(f"jigsmith-test-{secrets.token_hex(4)}", keys, environment)
    up = made.compose("up", "-d", "launcher", "runtime", "egress", "model")
    assert up.returncode == 0, up.stderr
    yield made
    made.compose("down", "--volumes", "--timeout", "5")


def test_one_training_step_and_one_call(deployment: Deployment) -> None:
    """The optimizer learns through the runtime; what it learned is released by a person and called by an agent."""
    splits = [f"--{name}=/tasks/{name}.jsonl" for name in ("train", "validation", "test")]
    token = "--token-file=/secrets/optimizer.token"
    done = deployment.compose(
        "run", "--rm", "optimizer", "train", "--set=tables", *splits, "--out=/training/run", "--epochs=2", token
    )
    assert done.returncode == 0, done.stdout + done.stderr + deployment.compose("logs", "runtime").stdout
    assert "accepted" in done.stdout

    revision = "functionSets/tables/revisions/2"
    request = ["releases", "request", "tables", revision, "--channel=production", "--reason=The loss fell."]
    deployment.jigsmith("optimizer", *request)
    deployment.jigsmith(
        "reviewer", "releases", "approve", "functionSets/tables/releases/1", "--reason=Read it.", "--yes"
    )
    target = "functionSets/tables/channels/production/functions/mean"
    answer = json.loads(deployment.jigsmith("frontend", "--json", "invoke", target, '{"values": [1, 2, 6]}'))
    assert answer["result"] == 3.0


def test_only_the_launcher_holds_the_engine(deployment: Deployment) -> None:
    """The engine's socket is mounted in one container, which has no network; sandboxes were started by it."""
    holders = []
    for container in deployment.compose("ps", "-q").stdout.split():
        facts = json.loads(subprocess.run(["docker", "inspect", container], capture_output=True, check=True).stdout)[0]
        if any("docker.sock" in mount["Source"] for mount in facts["Mounts"]):
            holders.append(
                (facts["Config"]["Labels"]["com.docker.compose.service"], facts["HostConfig"]["NetworkMode"])
            )
    assert holders == [("launcher", "none")]
    entries = deployment.jigsmith("auditor", "--json", "audit", "list").splitlines()
    started = json.loads(json.loads(entries[0])["entry_json"])
    assert (started["kind"], started["backend"]) == ("runtime.started", "docker")


_PROBE = """
import socket, urllib.request, urllib.error
def connects(host, port):
    try: socket.create_connection((host, port), 3).close(); return True
    except OSError: return False
def fetch(url):
    try: return urllib.request.urlopen(url, timeout=5).status
    except urllib.error.HTTPError as error: return error.code
    except OSError: return "no way"
print(connects("runtime", 7433), connects("runtime", 22), connects("model", 8080), connects("launcher", 7433),
      fetch("http://model:8080/"), fetch("http://other.example/"), fetch("http://egress.invalid/"))
"""


def test_the_optimizer_reaches_the_runtime_and_its_model_and_nothing_else(deployment: Deployment) -> None:
    """Directly the RPC port only; by the proxy the model's host only (501: the stand-in answers POST, not GET)."""
    found = deployment.python_in_optimizer(_PROBE)
    assert found == "True False False False 404 403 403"
