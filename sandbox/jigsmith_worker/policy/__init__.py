"""The policy gate: ordinary Python in, known escapes refused. A lint layer, not a boundary; the layers outside are that.

Runs inside a sandbox only, because compiling hostile source can kill the process that does it. What was checked is what is
compiled: one text, parsed once.
"""

import ast
import types
from collections.abc import Iterable
from typing import Any, Final

from jigsmith_worker.policy import doors, imports, powers
from jigsmith_worker.policy.guards import globals_for
from jigsmith_worker.policy.own import MODULE_NAME
from jigsmith_worker.policy.packages import doors as package_doors
from jigsmith_worker.policy.transformer import PolicyTransformer, Refusal

__all__ = [
    "MODULE_NAME",
    "PolicyRefusedError",
    "Refusal",
    "check",
    "compile_restricted",
    "give_up_powers",
    "namespace",
    "warm",
]

SOURCE_BYTES_MAX: Final = 65_536
FILENAME: Final = "<function>"


class PolicyRefusedError(Exception):
    """The gate refuses a source; `refusals` says why."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(f"line {refusal.line}: {refusal.construct}" for refusal in refusals))
        self.refusals = refusals


def check(source: str, entry_point: str) -> list[Refusal]:
    """Return what the gate refuses in a source that should define `entry_point`; empty if it accepts."""
    try:
        tree = _transformed(source)
    except PolicyRefusedError as refused:
        return refused.refusals
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == entry_point]
    if not defined:
        advice = f"define `def {entry_point}(...)` at the top level of the source"
        return [Refusal(1, 0, f"no function {entry_point}", advice)]
    return []


def compile_restricted(source: str) -> types.CodeType:
    """Return the code of a source with its guards woven in. Raises PolicyRefusedError."""
    return compile(_transformed(source), FILENAME, "exec", dont_inherit=True)


def namespace() -> dict[str, Any]:
    """Return the globals of the one run of this process: guarded builtins, guards, imports by allow-list."""
    doors.guard(_globals)
    return _globals


def give_up_powers() -> None:
    """Have the interpreter refuse for the rest of this process what no function may do, whatever it gets hold of."""
    powers.give_up()


def rehearsal_namespace() -> dict[str, Any]:
    """Return the same globals for a run of no consequence, before the real one; what it defines has to be deleted."""
    return _globals


_globals: Final = globals_for(MODULE_NAME)
"""Made before the fork: a process has one run, and copying these in each would copy the pages that they lie on."""


def warm(profile_packages: Iterable[str]) -> None:
    """Allow what a profile's packages offer, and import now whatever may be imported later. Raises ImportError."""
    imports.allow(profile_packages)
    powers.prepare(profile_packages)
    doors.replace()
    imports.facade_all()
    package_doors.replace(profile_packages)
    exec(compile_restricted(_SAMPLE), globals_for(MODULE_NAME))  # noqa: S102 - our own text


_SAMPLE: Final = """
import math
class Point:
    def __init__(self, x):
        self.x = x
def f(values, *rest, **more):
    return [f"{Point(value).x:.1f}" for value in values if value is not None]
f([1, 2], key=math.pi)
"""


def _transformed(source: str) -> ast.Module:
    if len(source.encode("utf-8", "replace")) > SOURCE_BYTES_MAX:
        raise PolicyRefusedError([Refusal(0, 0, "a source of more than 64 KiB", "split it into several functions")])
    try:
        tree = ast.parse(source, FILENAME)
    except SyntaxError as error:
        refusal = Refusal(error.lineno or 0, error.offset or 0, "syntax error", str(error.msg))
        raise PolicyRefusedError([refusal]) from None
    transformer = PolicyTransformer()
    transformed = transformer.visit(tree)
    if transformer.refusals:
        raise PolicyRefusedError(transformer.refusals)
    ast.fix_missing_locations(transformed)
    assert isinstance(transformed, ast.Module)
    return transformed
