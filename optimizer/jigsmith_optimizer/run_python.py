"""A sandboxed Python interpreter as one more function of the runtime, for agents that write code as they go.

The paper's agents have one (arXiv:2402.11359, section 4.1). It can do whatever its sandbox lets it, so its policy is `none`,
which only an admin can allow, for one set.
"""

from typing import Any, Final

from jigsmith import AsyncClient, JigsmithError

NAME: Final = "run_python"
_DESCRIPTION: Final = "Runs Python code in a fresh sandbox and returns what it printed. Nothing is kept between calls."
_PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"code": {"type": "string", "description": "a whole program; print what you want to know"}},
    "required": ["code"],
    "additionalProperties": False,
}
_SOURCE: Final = """
import contextlib
import io
import traceback


def run_python(code):
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})
    except BaseException:
        return {"output": out.getvalue()[-20000:], "error": traceback.format_exc(limit=-3)}
    return {"output": out.getvalue()[-20000:]}
"""


class InterpreterRefusedError(Exception):
    """The set may not have an interpreter; the message says what an admin can do."""

    @classmethod
    def of(cls, error: JigsmithError, function_set: str) -> "InterpreterRefusedError":
        """Return the error for what the runtime said."""
        return cls(
            f"the runtime refuses an interpreter without a policy: {error}. An admin may allow it: "
            f"jigsmith sets allow-policy {function_set} none --reason '...'"
        )


async def register(client: AsyncClient, function_set: str) -> str:
    """Return the version's resource name. Raises InterpreterRefusedError."""
    try:
        made = await client.register_source(
            NAME, _SOURCE, description=_DESCRIPTION, parameters=_PARAMETERS, policy="none"
        )
    except JigsmithError as error:
        raise InterpreterRefusedError.of(error, function_set) from error
    return made.name
