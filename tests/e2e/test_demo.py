"""`make demo`, as a newcomer runs it: what it leaves behind holds what the project promises."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo in a folder of its own; give what it wrote and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "JIGSMITH_"))}
    done = subprocess.run(
        [sys.executable, "-m", "jigsmith_demo"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "demo", done.stdout


def test_the_summary_shows_every_part_of_the_loop(demo: tuple[Path, str]) -> None:
    """The loss fell on tasks never trained on; every kind of action, a roll-back, an early stop; the log held."""
    summary = json.loads((demo[0] / "summary.json").read_text())
    assert summary["test_loss_after"] < summary["test_loss_before"]
    assert summary["train_loss_after"] < summary["train_loss_before"]
    assert {"add_function", "revise_function", "remove_function"} <= summary["actions"].keys()
    assert summary["rollbacks"] >= 1
    assert summary["repairs"] >= 1
    assert summary["early_stopped"] is True
    assert summary["functions"]
    assert summary["invocations"] > 200
    assert summary["invoke_p50_ms"] > 0
    assert summary["backend"] in {"docker", "bubblewrap"}
    assert summary["audit_entries"] >= 2 * summary["invocations"]
    assert summary["audit_verified"] is True
    assert summary["tamper_detected"] is True


def test_it_says_what_happens(demo: tuple[Path, str]) -> None:
    """The stand-in is called one; each misuse has its answer."""
    said = " ".join(demo[1].split())
    assert "scripted stand-in: it shows how the loop works, not how good any model is" in said
    for text in ("ARGUMENTS_INVALID", "TIME_LIMIT", "MEMORY_LIMIT", "POLICY_REFUSED", "PERMISSION_DENIED", "took"):
        assert text in said


def test_the_report_is_a_page_that_a_browser_draws(demo: tuple[Path, str], tmp_path: Path) -> None:
    """In headless Chromium: the curve has its points, and nothing is loaded from anywhere."""
    page = demo[0] / "report.html"
    text = page.read_text()
    assert not re.search(r'src=|href="(?!#)|<script|@import|url\(', text)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run([chromium, *flags, page.as_uri()], capture_output=True, text=True, check=True, timeout=90)
    epochs = json.loads((demo[0] / "training" / "summary.json").read_text())["epochs"]
    measured = sum(one[f"{split}_loss"] is not None for one in epochs for split in ("train", "validation"))
    screened = sum(one["verdict"] == "rolled_back" and one["train_loss"] is None for one in epochs)
    assert done.stdout.count("<circle") == measured + screened >= 10
    assert "rolled back" in done.stdout
