"""Ordinary programs give the same under the policy as without it."""

import pytest
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call
from tests.conformance.habit_programs import HABIT_PROGRAMS
from tests.conformance.idiom_programs import IDIOM_PROGRAMS
from tests.conformance.introspection_programs import INTROSPECTION_PROGRAMS
from tests.conformance.programs import PROGRAMS

ORDINARY = PROGRAMS | IDIOM_PROGRAMS | HABIT_PROGRAMS | INTROSPECTION_PROGRAMS


@pytest.mark.parametrize("name", ORDINARY)
async def test_a_program_runs_as_without_the_policy(pool: Pool, name: str) -> None:
    """The gate accepts it, and its guards change nothing."""
    plain = await pool.run(call(ORDINARY[name]))
    assert plain.kind is OutcomeKind.RETURNED, plain
    assert plain.result_json not in {None, "null"}
    guarded = await pool.run(call(ORDINARY[name], policy="restricted"))
    assert (guarded.result_json, guarded.output) == (plain.result_json, plain.output), guarded


ADVICE = {
    "os": "take the data as an argument",
    "requests": "no network",
    "asyncio": "plain function",
    "pickle": "use json",
    "maths": "did you mean math?",
    "numpy": "profile",
}


@pytest.mark.parametrize("module", ADVICE)
async def test_a_refused_import_says_what_to_do_instead(pool: Pool, module: str) -> None:
    """Not a list of all that there is, where something nearer is known."""
    verdict = await pool.check(f"import {module}\ndef f(): pass", entry_point="f")
    (refusal,) = verdict.refusals
    assert (refusal.line, refusal.construct) == (1, f"the import of {module}")
    assert ADVICE[module] in refusal.advice
