"""The witness over HTTP: POST /add-checkpoint, as c2sp.org/tlog-witness has it. The only door to aiohttp here."""

import asyncio
from typing import Final

from aiohttp import web

from jigsmith_witness.errors import ConflictError, RefusedError, StateUnwritableError, WitnessError
from jigsmith_witness.requests import BODY_BYTES_MAX
from jigsmith_witness.witness import Witness

_BODY_TIMEOUT_S: Final = 10.0
_AT_ONCE_MAX: Final = 64
"""Requests under way; each holds at most a body. A log has one at a time."""
_SIZE_TYPE: Final = "text/x.tlog.size"


class ListenError(WitnessError):
    """The address cannot be listened on."""


class Server:
    """Serves one witness on one address."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._under_way = 0
        # The server limits the body itself, as it arrives.
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_post("/add-checkpoint", self._add_checkpoint)
        # A compressed body could be far larger than it looks, and no log sends one.
        self._runner = web.AppRunner(application, access_log=None, auto_decompress=False)

    async def start(self, host: str, port: int) -> str:
        """Listen; return HOST:PORT, with the port that was taken for port 0. Raises ListenError."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        return f"{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Finish what is under way, then stop."""
        await self._runner.cleanup()

    async def _add_checkpoint(self, request: web.Request) -> web.Response:
        if self._under_way >= _AT_ONCE_MAX:
            return _refusal(503, "too many requests at once", {"Retry-After": "1"})
        self._under_way += 1
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                body = await request.read()
            # In a thread: it waits for the disk. It is not broken off with the connection, so memory and disk stay in step.
            line = await asyncio.to_thread(self._witness.add_checkpoint, body)
        except TimeoutError:
            return _refusal(408, "the body did not arrive in time")
        except ConflictError as error:
            return web.Response(
                status=error.status, body=f"{error.size}\n".encode(), headers={"Content-Type": _SIZE_TYPE}
            )
        except RefusedError as error:
            return _refusal(error.status, str(error))
        except StateUnwritableError as error:
            return _refusal(503, str(error), {"Retry-After": "30"})
        finally:
            self._under_way -= 1
        return web.Response(text=line)


def _refusal(status: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{reason}\n", headers=headers)
