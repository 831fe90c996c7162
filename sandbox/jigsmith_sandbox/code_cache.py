"""Compiled code by version, as opaque bytes.

A child that runs nothing of it compiles a source; other children load what came out, each for calls of that version only. The
host never looks inside: unmarshalling is as dangerous as running.
"""

from collections import OrderedDict
from typing import Final

_BYTES_MAX: Final = 64 * 1024 * 1024

Key = tuple[str, str, str]
"""Version digest, policy, and the interpreter that compiled."""


class CodeCache:
    """Keeps what was used last, up to 64 MiB."""

    def __init__(self) -> None:
        self._codes: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> bytes | None:
        """Return the code, if it is there."""
        code = self._codes.get(key)
        if code is not None:
            self._codes.move_to_end(key)
        return code

    def put(self, key: Key, code: bytes) -> None:
        """Keep a code in place of those that were not used for longest."""
        self._bytes += len(code) - len(self._codes.pop(key, b""))
        self._codes[key] = code
        while self._bytes > _BYTES_MAX:
            self._bytes -= len(self._codes.popitem(last=False)[1])
