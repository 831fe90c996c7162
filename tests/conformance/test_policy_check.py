"""The policy gate as the host uses it: in a disposable child of a real sandbox."""

from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call


async def test_ordinary_source_is_accepted_and_runs(pool: Pool) -> None:
    """What the gate accepts, it also runs."""
    source = "import statistics\ndef f(values):\n    return statistics.median(values)\n"
    assert (await pool.check(source, entry_point="f")).accepted
    outcome = await pool.run(call(source, '{"values": [1, 2, 9]}', policy="restricted"))
    assert outcome.result_json == "2"


async def test_a_refusal_names_line_construct_and_advice(pool: Pool) -> None:
    """The author, often a model, is told what to write instead."""
    verdict = await pool.check("def f():\n    import os\n    return os.getpid()\n", entry_point="f")
    (refusal,) = verdict.refusals
    assert (verdict.accepted, refusal.line, refusal.construct) == (False, 2, "the import of os")
    assert "take the data as an argument" in refusal.advice


async def test_an_import_from_the_future_binds_no_special_name(pool: Pool) -> None:
    """Not even to nothing: `__builtins__` and the guards are names like others to it."""
    for name in ("__builtins__", "__name__", "_getattr_"):
        verdict = await pool.check(f"from __future__ import annotations as {name}\ndef f(): pass\n", entry_point="f")
        assert [refusal.line for refusal in verdict.refusals] == [1], name
    assert (await pool.check("from __future__ import annotations\ndef f(): pass\n", entry_point="f")).accepted


async def test_the_entry_point_must_be_defined(pool: Pool) -> None:
    """A source that does not define the function it is registered under is refused."""
    assert not (await pool.check("def g():\n    pass\n", entry_point="f")).accepted


async def test_source_that_kills_the_compiler_is_refused(pool: Pool) -> None:
    """The death of the child is a refusal, and the sandbox goes on."""
    bomb = "def f():\n    return " + "(" * 150 + "1" + ")" * 150 + " + " + "-" * 50_000 + "1\n"
    assert not (await pool.check(bomb, entry_point="f")).accepted
    assert (await pool.check("def f():\n    return 1\n", entry_point="f")).accepted


async def test_the_gate_holds_at_load_too(pool: Pool) -> None:
    """A source that was never checked is refused when it is to run."""
    outcome = await pool.run(call("import os\ndef f():\n    return os.getpid()", policy="restricted"))
    assert outcome.kind is OutcomeKind.REFUSED
    assert "import of os" in outcome.message
