"""What `sys.stdout` and `sys.stderr` are under the policy: something to print to, which leads to no file."""

import sys


class Stream:
    """Writes to the stream of a name."""

    encoding = "utf-8"

    def __init__(self, name: str) -> None:
        self.name = f"<{name}>"
        self._stream = name

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        written: int = getattr(sys, self._stream).write(str.__str__(text))
        return written

    def writelines(self, lines: list[str]) -> None:
        """Write texts one after the other."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what is buffered."""
        getattr(sys, self._stream).flush()

    def isatty(self) -> bool:
        """Return that this is no terminal."""
        return False

    def writable(self) -> bool:
        """Return that this can be written to."""
        return True
