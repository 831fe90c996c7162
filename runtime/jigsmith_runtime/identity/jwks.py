"""Where an issuer's keys come from: a file, or an address that is asked in the background and never by a request."""

import asyncio
import time
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
import structlog

from jigsmith_runtime.identity.jwt_tokens import KeySet, KeySetError

_REFRESH_S: Final = 300.0
_SOONEST_S: Final = 10.0
"""How soon after another an unknown key may have the set fetched again."""
_TIMEOUT_S: Final = 5.0
_BYTES_MAX: Final = 262_144
_TRUSTED_S: Final = 3_600.0
"""How long keys are believed that could not be refreshed."""
_NO_KEYS: Final = KeySet({})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_log = structlog.get_logger(__name__)


class JwksError(Exception):
    """The keys cannot be had; the message says from where and why."""


class JwksSource:
    """The keys of an issuer. `load` before use; `follow` keeps them fresh."""

    def __init__(self, place: str) -> None:
        """Take a file's path or an address. Raises JwksError for one that is not to be trusted."""
        parts = urlsplit(place)
        self._url = place if "://" in place else None
        self._path = None if self._url else Path(place)
        if self._url and not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
            raise JwksError(f"--jwks {place}: keys are fetched over https only, or from this machine")
        self._keys = _NO_KEYS
        self._loaded_at = -_TRUSTED_S
        self._wanted = asyncio.Event()

    @classmethod
    async def open(cls, place: str) -> Self:
        """Return a source that has its keys. Raises JwksError."""
        source = cls(place)
        await source.load()
        return source

    def keys(self) -> KeySet:
        """Return the keys, or none at all if they could not be refreshed for too long."""
        return self._keys if time.monotonic() - self._loaded_at < _TRUSTED_S else _NO_KEYS

    def ask_again(self) -> None:
        """Have the keys fetched again soon: a token named one that is not among them."""
        self._wanted.set()

    async def load(self) -> None:
        """Get the keys. Raises JwksError; the ones that there were stay."""
        place = self._url or str(self._path)
        try:
            text = await self._fetch() if self._url else await asyncio.to_thread(self._read)
            keys = KeySet.parse(text)
        except (OSError, UnicodeDecodeError, KeySetError, aiohttp.ClientError, TimeoutError) as error:
            raise JwksError(f"--jwks {place}: {error or type(error).__name__}") from error
        self._keys, self._loaded_at = keys, time.monotonic()

    async def follow(self) -> None:
        """Go on getting the keys until cancelled."""
        while True:
            await asyncio.sleep(_SOONEST_S if self._url else 1.0)
            try:
                async with asyncio.timeout(_REFRESH_S if self._url else 0.1):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                await self.load()
            except JwksError as error:
                _log.warning("jwks.not_refreshed", error=str(error))

    def _read(self) -> str:
        assert self._path is not None
        with self._path.open("rb") as file:
            return _bounded(file.read(_BYTES_MAX + 1)).decode()

    async def _fetch(self) -> str:
        assert self._url is not None
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(self._url, allow_redirects=False, raise_for_status=True) as response,
        ):
            data = b""
            while len(data) <= _BYTES_MAX and (part := await response.content.read(_BYTES_MAX + 1 - len(data))):
                data += part
            return _bounded(data).decode()


def _bounded(data: bytes) -> bytes:
    if len(data) > _BYTES_MAX:
        raise KeySetError(f"longer than {_BYTES_MAX} bytes")
    return data
