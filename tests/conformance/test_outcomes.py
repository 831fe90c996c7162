"""Every way that a run can end, against every backend, with the policy layer switched off."""

import asyncio
import json

import pytest
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call, skip_without_files

FORGED_ANSWER = "import os\ndef f():\n os.write(3, b'\\0\\0\\0\\2\\0\\0\\0\\0[]')\n while True: pass"

ENDS = {
    "a value": ("def f():\n return 1", OutcomeKind.RETURNED),
    "an exception": ("def f():\n 1/0", OutcomeKind.RAISED),
    "SystemExit": ("def f():\n raise SystemExit(3)", OutcomeKind.RAISED),
    "an exception whose str() raises": (
        "class E(Exception):\n def __str__(self): raise self\ndef f():\n raise E",
        OutcomeKind.RAISED,
    ),
    "unbounded recursion": ("def f():\n return f()", OutcomeKind.RAISED),
    "an endless loop": ("def f():\n while True: pass", OutcomeKind.TIME_LIMIT),
    "one long C call": ("def f():\n return sum(range(10**12))", OutcomeKind.TIME_LIMIT),
    "sleep past the deadline": ("import time\ndef f():\n time.sleep(60)", OutcomeKind.TIME_LIMIT),
    "an endless loop that ignores signals": (
        (
            "import signal\ndef f():\n signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            " signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n while True: pass"
        ),
        OutcomeKind.TIME_LIMIT,
    ),
    "one giant allocation": ("def f():\n return len('x' * 10**10)", OutcomeKind.MEMORY_LIMIT),
    "many small allocations": ("def f():\n x = []\n while True: x.append(bytearray(10**6))", OutcomeKind.MEMORY_LIMIT),
    "a fork bomb": ("import os\ndef f():\n while True: os.fork()", OutcomeKind.PROCESS_LIMIT),
    "a thread bomb": (
        "import threading, time\ndef f():\n while True: threading.Thread(target=time.sleep, args=(60,)).start()",
        OutcomeKind.PROCESS_LIMIT,
    ),
    "an output flood": ("def f():\n while True: print('y' * 1000)", OutcomeKind.OUTPUT_LIMIT),
    "a giant result": ("def f():\n return 'z' * 3_000_000", OutcomeKind.RESULT_LIMIT),
    "a giant forged answer": (
        "import os\ndef f():\n os.write(3, b'\\0\\0\\0\\2\\x10\\0\\0\\0{}')\n while True: pass",
        OutcomeKind.RESULT_LIMIT,
    ),
    "a forged answer that is none": (FORGED_ANSWER, OutcomeKind.DIED),
    "a result that is not JSON": ("def f():\n return object()", OutcomeKind.NOT_SERIALIZABLE),
    "a NaN": ("def f():\n return float('nan')", OutcomeKind.NOT_SERIALIZABLE),
    "a result that contains itself": ("def f():\n x = []\n x.append(x)\n return x", OutcomeKind.NOT_SERIALIZABLE),
    "os._exit": ("import os\ndef f():\n os._exit(7)", OutcomeKind.DIED),
    "a segfault": ("import ctypes\ndef f():\n ctypes.string_at(0)", OutcomeKind.DIED),
    "a forbidden system call": ("import ctypes\ndef f():\n ctypes.CDLL(None).unshare(0x10000000)", OutcomeKind.DIED),
    "source that does not compile": ("def f(:\n pass", OutcomeKind.REFUSED),
    "source that crashes the compiler": ("def f():\n return " + "[" * 99 + "]" * 99, OutcomeKind.RETURNED),
    "source too deep for the compiler": ("x = " + "-" * 60_000 + "1\ndef f(): pass", OutcomeKind.REFUSED),
}


@pytest.mark.parametrize("name", ENDS)
async def test_each_end_has_its_outcome(pool: Pool, name: str) -> None:
    """A run ends as it should, and the sandbox serves the next call as if nothing had been."""
    source, expected = ENDS[name]
    outcome = await pool.run(call(source))
    assert outcome.kind is expected, outcome
    following = await pool.run(call("def f(a):\n return a", '{"a": [1, 18446744073709551617]}'))
    assert following.result_json == "[1,18446744073709551617]"


async def test_a_death_tells_its_exit_code_or_signal(pool: Pool) -> None:
    """Exit codes are positive, signals negative."""
    codes = [
        (await pool.run(call(ENDS[name][0]))).exit_code
        for name in ("os._exit", "a segfault", "a forbidden system call")
    ]
    assert codes == [7, -11, -31]


async def test_a_failure_names_type_message_and_lines_of_the_users_source(pool: Pool) -> None:
    """A model can mend what it is told precisely."""
    outcome = await pool.run(call("def f():\n print('so far')\n return g([])\ndef g(x):\n return x[3]"))
    assert outcome.exception_type == "IndexError"
    assert outcome.message == "list index out of range"
    assert outcome.traceback.splitlines() == ["  line 3, in f", "  line 5, in g"]
    assert outcome.output == "so far\n"


async def test_partial_output_survives_the_time_limit(pool: Pool) -> None:
    """What was printed before the limit is in the outcome."""
    outcome = await pool.run(call("def f():\n print('before')\n while True: pass"))
    assert (outcome.kind, outcome.output) == (OutcomeKind.TIME_LIMIT, "before\n")


async def test_output_is_cut_at_the_limit_and_the_cut_is_said(pool: Pool) -> None:
    """Never more than the limit is kept."""
    outcome = await pool.run(call("def f():\n print('y' * 5000)", output_bytes=1_000))
    assert (outcome.kind, len(outcome.output), outcome.output_truncated) == (OutcomeKind.OUTPUT_LIMIT, 1_000, True)


async def test_the_temp_limit_is_a_full_disk(pool: Pool) -> None:
    """More bytes under /tmp than allowed fail as on any full file system."""
    skip_without_files(pool)
    source = "def f():\n for i in range(9):\n  with open(f'/tmp/{i}', 'wb') as o: o.write(bytes(100_000))"
    outcome = await pool.run(call(source, temp_bytes=400_000))
    assert (outcome.kind, outcome.exception_type) == (OutcomeKind.RAISED, "OSError")
    assert "No space left" in outcome.message


async def test_usage_is_measured_from_outside(pool: Pool) -> None:
    """Time, CPU and peak memory are the kernel's figures."""
    outcome = await pool.run(call("def f():\n x = bytearray(80_000_000)\n return sum(range(2_000_000))"))
    assert outcome.kind is OutcomeKind.RETURNED
    assert outcome.memory_peak_bytes > 80_000_000
    assert outcome.cpu_us > 0
    assert outcome.wall_us > 0


async def test_concurrent_calls_get_their_own_answers(pool: Pool) -> None:
    """No answer goes to another call, with more calls than places."""
    source = "def f(n):\n return [n, 'x' * n]"
    outcomes = await asyncio.gather(*(pool.run(call(source, json.dumps({"n": n}))) for n in range(60)))
    assert [json.loads(outcome.result_json or "null")[0] for outcome in outcomes] == list(range(60))
