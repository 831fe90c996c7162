"""A witness as the log sees it: one add-checkpoint request, and its answer distrusted. c2sp.org/tlog-witness.

The witness holds a key of its own, so what it adds is verified before it is believed; it can hold up nothing but itself.

CosigningError
├── WitnessUrlError             the address cannot be one of a witness
├── WitnessUnreachableError     it did not answer, or not as a witness does
└── WitnessRefusedError         it answered that it does not cosign
"""

import base64
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from jigsmith.tlog import CosignatureVerifier, NoteError

_TIMEOUT_S: Final = 2.0
_REPLY_BYTES_MAX: Final = 4_096
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_REASON_CHARACTERS_MAX: Final = 200


class CosigningError(Exception):
    """The witness did not cosign."""


class WitnessUrlError(CosigningError):
    """The address cannot be one of a witness."""


class WitnessUnreachableError(CosigningError):
    """The witness did not answer, or its answer makes no sense."""


class WitnessRefusedError(CosigningError):
    """The witness does not cosign this checkpoint."""

    def __init__(self, status: int, reason: str, size: int | None) -> None:
        super().__init__(f"the witness answered {status}: {reason}")
        self.status = status
        """409: it had cosigned another size, or another tree of this one; 422: the proof does not hold."""
        self.size = size
        """With 409, the size that it cosigned last."""


class Cosigner:
    """Has checkpoints cosigned by one witness."""

    def __init__(self, url: str, verifier: CosignatureVerifier, session: aiohttp.ClientSession) -> None:
        """Raises WitnessUrlError."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None or parts.query:
            # A password in it would end up in logs; and a witness needs none, because signatures say who asks.
            raise WitnessUrlError("the address of a witness is of the form http://HOST:PORT or https://HOST/PREFIX")
        self.url = url
        self._endpoint = f"{url.rstrip('/')}/add-checkpoint"
        self._verifier = verifier
        self._session = session

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str, verifier: CosignatureVerifier) -> AsyncIterator[Self]:
        """Make a cosigner with a session of its own; `url` is the witness's submission prefix. Raises WitnessUrlError."""
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            yield cls(url, verifier, session)

    async def cosign(self, note: str, old_size: int, proof: Sequence[bytes]) -> str:
        """Return a signed checkpoint with the witness's signature line added, verified.

        `proof` leads from the tree of `old_size`, which the witness cosigned last, to the checkpoint's.
        Raises WitnessUnreachableError, WitnessRefusedError.
        """
        lines = [f"old {old_size}", *(base64.b64encode(one).decode() for one in proof)]
        status, reply = await self._post("\n".join(lines) + "\n\n" + note)
        if status >= 500:
            raise WitnessUnreachableError(f"the witness answered {status}: {_readable(reply)}")
        if status != 200:
            size = _SIZE.fullmatch(reply) if status == 409 else None
            raise WitnessRefusedError(status, _readable(reply), int(size[1]) if size else None)
        try:
            return note + self._verifier.newest(note + reply.decode()).line
        except (UnicodeDecodeError, NoteError) as error:
            raise WitnessUnreachableError(f"the witness sent no valid cosignature: {error}") from error

    async def _post(self, body: str) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        try:
            # A redirection could lead anywhere, also to what only this machine reaches.
            async with self._session.post(self._endpoint, data=body.encode(), allow_redirects=False) as response:
                reply = bytearray()
                async for part in response.content.iter_any():
                    reply += part
                    if len(reply) > _REPLY_BYTES_MAX:
                        raise WitnessUnreachableError(f"the witness sent more than {_REPLY_BYTES_MAX} bytes")
                return response.status, bytes(reply)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise WitnessUnreachableError(
                f"no answer from the witness at {self.url}: {error or type(error).__name__}"
            ) from error


def _readable(reply: bytes) -> str:
    """Return what may be shown in a log of a text that somebody else wrote."""
    text = reply[:_REASON_CHARACTERS_MAX].decode("ascii", "replace").strip()
    return "".join(character if character.isprintable() else "?" for character in text)
