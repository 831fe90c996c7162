"""Each limit bites where it is set: the right end, what was printed until then, and soon after the limit."""

import asyncio
import json
import time

import docker
import pytest
from jigsmith_sandbox.call_groups import MemoryScope
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.self_check import memory_scope_meaning
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call, skip_without_files

LATE_S = 0.5
"""How long after its limit a call may still be there."""

BEFORE = "import time; print('before', time.monotonic(), flush=True)\n"
CONTENDED_S = 4.0
"""How long 600 ms of CPU time may take beside others; far from the 10 s of the wall clock that would end the call otherwise."""

TIMES = {
    "sleeping": ("import time\ndef f():\n {before} time.sleep(60)", {"wall_ms": 600}),
    "an endless loop": ("def f():\n {before} while True: pass", {"wall_ms": 600}),
    "one long C call": ("def f():\n {before} return sum(range(10 ** 12))", {"wall_ms": 600}),
    "SIGTERM ignored": (
        "import signal, time\ndef f():\n {before} signal.signal(15, signal.SIG_IGN)\n while True: time.sleep(1)",
        {"wall_ms": 600},
    ),
    "a stopped process": (
        "import os\ndef f():\n {before} os.fork() or os.kill(os.getpid(), 19)\n while True: pass",
        {"wall_ms": 600},
    ),
    "a sleeping orphan": (
        "import os, time\ndef f():\n {before} os.fork() or os.fork() or time.sleep(60)\n while True: time.sleep(1)",
        {"wall_ms": 600},
    ),
    "CPU time of one process": ("def f():\n {before} while True: pass", {"cpu_ms": 600}),
    "CPU time of four processes": (
        "import os\ndef f():\n {before} os.fork(); os.fork()\n while True: pass",
        {"cpu_ms": 600},
    ),
}
SPENDERS = {"CPU time of four processes": 4}
"""How many processes spend CPU time at once, where they are several: so many times faster than time it passes."""


@pytest.mark.parametrize("name", TIMES)
async def test_time_limits_bite_in_time(pool: Pool, name: str) -> None:
    """A call is over, with its partial output, within half a second of its limit; nothing keeps the next one waiting."""
    source, limits = TIMES[name]
    await pool.run(call("def f():\n return 1"))
    began = time.monotonic()
    outcome = await pool.run(call(source.format(before=BEFORE), **({"wall_ms": 10_000, "cpu_ms": 10_000} | limits)))
    took_s = time.monotonic() - began
    assert outcome.kind is OutcomeKind.TIME_LIMIT, outcome
    assert outcome.output.startswith("before")
    if (
        "cpu_ms" in limits
    ):  # the clock on the wall runs on while others have the processors; that of the process does not
        assert outcome.cpu_us < (0.6 + LATE_S * SPENDERS.get(name, 1)) * 1_000_000
        assert 0.2 < took_s < CONTENDED_S
    else:
        assert 0.2 < took_s < 0.6 + LATE_S
    assert (await pool.run(call("def f():\n return 1"))).result_json == "1"


SIZES = {
    "memory": (
        "def f():\n {before} return len(bytearray(1 << 28))",
        {"memory_bytes": 1 << 26},
        OutcomeKind.MEMORY_LIMIT,
    ),
    "processes": ("import os\ndef f():\n {before} while True: os.fork()", {"processes": 4}, OutcomeKind.PROCESS_LIMIT),
    "threads": (
        "import threading, time\ndef f():\n {before} while True: threading.Thread(target=time.sleep, args=(9,)).start()",
        {"processes": 4},
        OutcomeKind.PROCESS_LIMIT,
    ),
    "output": ("def f():\n {before} while True: print('x' * 99)", {"output_bytes": 500}, OutcomeKind.OUTPUT_LIMIT),
    "output on stderr": (
        "import sys\ndef f():\n {before} while True: sys.stderr.write('x' * 99)",
        {"output_bytes": 500},
        OutcomeKind.OUTPUT_LIMIT,
    ),
    "the result": ("def f():\n {before} return 'x' * 600", {"result_bytes": 500}, OutcomeKind.RESULT_LIMIT),
}


@pytest.mark.parametrize("name", SIZES)
async def test_sizes_are_limited(pool: Pool, name: str) -> None:
    """What is too large ends the call with its own kind within half a second, and keeps what was printed before."""
    source, limits, kind = SIZES[name]
    outcome = await pool.run(call(source.format(before=BEFORE), **limits))
    ended = time.monotonic()
    assert outcome.kind is kind, outcome
    assert outcome.output.startswith("before")
    assert outcome.output_truncated == ("output" in name)
    if pool.backend.name != "docker-runsc":  # whose clock begins with its sandbox
        assert ended - float(outcome.output.split()[1]) < LATE_S


FAILING = {
    "open files": (
        "def f():\n x = []\n for n in range(99): x.append(open('/tmp/x', 'w'))",
        {"open_files": 20},
        "Too many open files",
        20,
    ),
    "bytes in /tmp": (
        "def f():\n x = []\n for n in range(99):\n  with open(f'/tmp/{n}', 'wb') as o: o.write(bytes(4096))",
        {"temp_bytes": 20 * 4096},
        "No space left",
        20,
    ),
    "files in /tmp": (
        "import os\ndef f():\n x = []\n for n in range(99): open(f'/tmp/{n}', 'w').close()",
        {"temp_files": 20},
        "No space left",
        20,
    ),
    "one file's size": (
        (
            "def f():\n x = []\n with open('/tmp/x', 'wb') as o:\n"
            "  o.truncate(1 << 30)\n  for n in range(99): o.write(bytes(4096)); o.flush()"
        ),
        {"temp_bytes": 20 * 4096},
        "too large",
        0,
    ),
}


@pytest.mark.parametrize("name", FAILING)
async def test_files_are_limited_as_on_any_machine(pool: Pool, name: str) -> None:
    """The function sees the error that a full disk or descriptor table gives; just below the limit there is none."""
    skip_without_files(pool)
    source, limits, message, fitting = FAILING[name]
    outcome = await pool.run(call(source.replace("def f():\n", f"def f():\n {BEFORE}"), **limits))
    assert outcome.kind is OutcomeKind.RAISED
    assert outcome.output.startswith("before")
    assert outcome.exception_type == "OSError"
    assert message in outcome.message
    if fitting:
        below = await pool.run(call(source.replace("range(99)", f"range({fitting})") + "\n return n", **limits))
        assert below.result_json == str(fitting - 1), below


async def test_memory_and_cpu_are_the_kernels_figures(pool: Pool) -> None:
    """Both for a call that is measured while it waits, and for one whose children take its end to measure."""
    use = "x = bytearray(60_000_000)\n for n in range(0, len(x), 4096): x[n] = 1\n sum(range(3_000_000))"
    alone = await pool.run(call(f"def f():\n {use}\n return 1"))
    children = await pool.run(
        call(f"import os\ndef f():\n if os.fork() == 0:\n  os._exit(0)\n os.wait()\n {use}\n return 1")
    )
    for outcome in (alone, children):
        assert outcome.result_json == "1", outcome
        assert 60_000_000 < outcome.memory_peak_bytes < 160_000_000
        assert 10_000 < outcome.cpu_us < 2_000_000


async def test_who_is_alone_is_gone_at_once(pool: Pool) -> None:
    """Only what started others has to be waited for (tests/conformance/test_gone.py looks for these)."""
    background = "import os, time\ndef f():\n if os.fork() == 0:\n  while True: time.sleep(0.01)\n return 1"
    for _ in range(5):
        outcome = await pool.run(call(background))
        assert outcome.result_json == "1"
        assert outcome.gone is not None
        await asyncio.wait_for(outcome.gone, 2)
    alone = await pool.run(call("def f():\n return 1"))
    assert alone.gone is not None
    assert alone.gone.done()  # nobody had to wait for it


async def test_many_sizes_of_tmp_side_by_side(pool: Pool) -> None:
    """A /tmp of another size than the default takes a child of its own, and gets one."""
    skip_without_files(pool)
    source = "import os\ndef f():\n s = os.statvfs('/tmp')\n return [s.f_blocks * s.f_frsize, s.f_files]"
    sizes = [(1 << 20, 64), (1 << 21, 128), (1 << 22, 256)] * 4
    outcomes = await asyncio.gather(
        *(pool.run(call(source, temp_bytes=size, temp_files=files)) for size, files in sizes)
    )
    got = [json.loads(outcome.result_json or "null") for outcome in outcomes]
    assert got == [[size, files + 1] for size, files in sizes]


async def test_there_is_no_swap(pool: Pool) -> None:
    """A call that runs out of memory ends, and makes no room on the disk: by its group, and by its container's."""
    if pool.backend.name.startswith("docker"):
        (container,) = docker.from_env().containers.list(filters={"name": pool.sandboxes[0].spec.sandbox_id})
        limits = container.attrs["HostConfig"]
        assert limits["MemorySwap"] == limits["Memory"] == pool.sandboxes[0].spec.limits.memory_bytes
    if pool.memory_scope is not MemoryScope.CALL:
        pytest.skip(memory_scope_meaning(pool))
    groups = pool.sandboxes[0].groups
    assert groups is not None
    name, value = ("memory.swappiness", "0") if groups.version == 1 else ("memory.swap.max", "0")
    settings = [group / name for folder in groups.folders for group in folder.iterdir() if (group / name).exists()]
    if not settings:
        pytest.skip("this kernel does not swap")
    assert {setting.read_text().strip() for setting in settings} == {value}
