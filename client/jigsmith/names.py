"""Resource names in the AIP form: `functionSets/demo/channels/production` and its like.

One frozen class per kind of resource; `str(name)` writes it, `Kind.parse(text)` reads it. Knows nothing of what exists.
"""

import functools
import keyword
import re
from dataclasses import dataclass
from typing import ClassVar, Final, Self

FUNCTION_CHARS_MAX: Final = 64
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FUNCTION: Final = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{FUNCTION_CHARS_MAX - 1}}}")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_INVOCATION: Final = re.compile(r"[0-9a-f]{32}")

LATEST: Final = "latest"
"""Accepted for a digest where a version is read: the version registered last."""


class ResourceNameError(ValueError):
    """A text is not a resource name of the kind that was asked for; the message shows the form."""


def check_function(text: str) -> str:
    """Return the text if it may name a function. Raises ResourceNameError saying what a function name is."""
    if not _FUNCTION.fullmatch(text) or keyword.iskeyword(text):
        raise ResourceNameError(
            f"{_shown(text)} is no function name: an ASCII Python identifier, not a keyword, "
            f"at most {FUNCTION_CHARS_MAX} characters"
        )
    return text


def check_label(text: str) -> str:
    """Return the text if it may name a function set or a channel. Raises ResourceNameError if it may not."""
    if not _LABEL.fullmatch(text):
        raise ResourceNameError(
            f"{_shown(text)} is no name: lower-case letters, digits and hyphens, at most 63, no hyphen at either end"
        )
    return text


class _Name:
    """What all names share: a form with one word for each field."""

    _form: ClassVar[str]
    _checks: ClassVar[dict[str, re.Pattern[str]]] = {
        "function": _FUNCTION,
        "digest": _DIGEST,
        "function_set": _LABEL,
        "channel": _LABEL,
        "revision": _NUMBER,
        "release": _NUMBER,
        "invocation": _INVOCATION,
    }

    def __str__(self) -> str:
        return self._form.format_map({field: getattr(self, field) for field in _fields(self._form)})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name. Raises ResourceNameError showing the form that was expected."""
        wanted, given = cls._form.split("/"), text.split("/", maxsplit=16)
        values: dict[str, str | int] = {}
        if len(wanted) != len(given):
            raise ResourceNameError(f"{_shown(text)} does not have the form {cls._form}")
        for want, got in zip(wanted, given, strict=True):
            field = want.strip("{}")
            if field == want:
                if got != want:
                    raise ResourceNameError(f"{_shown(text)} does not have the form {cls._form}")
            elif not cls._checks[field].fullmatch(got):
                raise ResourceNameError(f"{_shown(got)} in {_shown(text)} is no {field} (form: {cls._form})")
            else:
                values[field] = int(got) if field in {"revision", "release"} else got
        return cls(**values)


@functools.cache
def _fields(form: str) -> tuple[str, ...]:
    return tuple(part.strip("{}") for part in form.split("/") if part.startswith("{"))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "…")


@dataclass(frozen=True, slots=True)
class FunctionName(_Name):
    """`functions/{function}`."""

    _form = "functions/{function}"
    function: str


@dataclass(frozen=True, slots=True)
class VersionName(_Name):
    """`functions/{function}/versions/{digest}`."""

    _form = "functions/{function}/versions/{digest}"
    function: str
    digest: str


@dataclass(frozen=True, slots=True)
class SetName(_Name):
    """`functionSets/{function_set}`."""

    _form = "functionSets/{function_set}"
    function_set: str


@dataclass(frozen=True, slots=True)
class RevisionName(_Name):
    """`functionSets/{function_set}/revisions/{revision}`; revisions are numbered from 1 in each set."""

    _form = "functionSets/{function_set}/revisions/{revision}"
    function_set: str
    revision: int


@dataclass(frozen=True, slots=True)
class ChannelName(_Name):
    """`functionSets/{function_set}/channels/{channel}`."""

    _form = "functionSets/{function_set}/channels/{channel}"
    function_set: str
    channel: str


@dataclass(frozen=True, slots=True)
class ReleaseName(_Name):
    """`functionSets/{function_set}/releases/{release}`; releases are numbered from 1 in each set."""

    _form = "functionSets/{function_set}/releases/{release}"
    function_set: str
    release: int


@dataclass(frozen=True, slots=True)
class ChannelFunctionName(_Name):
    """`functionSets/{function_set}/channels/{channel}/functions/{function}`: what an agent invokes."""

    _form = "functionSets/{function_set}/channels/{channel}/functions/{function}"
    function_set: str
    channel: str
    function: str


@dataclass(frozen=True, slots=True)
class RevisionFunctionName(_Name):
    """`functionSets/{function_set}/revisions/{revision}/functions/{function}`: a draft."""

    _form = "functionSets/{function_set}/revisions/{revision}/functions/{function}"
    function_set: str
    revision: int
    function: str


@dataclass(frozen=True, slots=True)
class InvocationName(_Name):
    """`invocations/{invocation}`."""

    _form = "invocations/{invocation}"
    invocation: str


Target = ChannelFunctionName | RevisionFunctionName | VersionName
"""What can be invoked."""


@functools.lru_cache(maxsize=1_024)
def parse_target(text: str) -> Target:
    """Read the name of something that can be invoked. Raises ResourceNameError."""
    for kind in (ChannelFunctionName, RevisionFunctionName, VersionName):
        literal = kind._form.split("/")  # noqa: SLF001 - the kinds of this module
        given = text.split("/", maxsplit=16)
        if len(literal) == len(given) and literal[-2] == given[-2] and literal[-4] == given[-4]:
            return kind.parse(text)
    raise ResourceNameError(
        f"{_shown(text)} cannot be invoked: give functionSets/SET/channels/CHANNEL/functions/FUNCTION, "
        "functionSets/SET/revisions/REVISION/functions/FUNCTION or functions/FUNCTION/versions/DIGEST"
    )
