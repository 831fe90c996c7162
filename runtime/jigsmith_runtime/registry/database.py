"""The database: opened once, migrated at start. SQLite, embedded, for one runtime; PostgreSQL for one or many.

What differs between the two is here and in the migrations, and nowhere else.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, Self

import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from jigsmith_runtime.errors import RegistryUnavailableError

Connection = AsyncConnection
"""What the registry's functions work on; lent by a Database."""

_BUSY_TIMEOUT_MS: Final = 5_000
_POSTGRESQL_OPTIONS: Final = "-c statement_timeout=5000 -c lock_timeout=5000 -c synchronous_commit=on"
_CONNECT_TIMEOUT_S: Final = 3
_CONNECTIONS_MAX: Final = 16
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK_OF_CHANGES: Final = 0x4A_69_67_31
"""The key of the advisory lock that whoever changes the registry holds."""
_LOCK_OF_MIGRATIONS: Final = 0x4A_69_67_32


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do. Never holds a password."""


class Database:
    """An open database. Made by `open`; `close` gives it back."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.is_shared = engine.dialect.name == "postgresql"
        """Whether other runtimes may change it, too."""

    @classmethod
    async def open(cls, address: str | Path) -> Self:
        """Bring the database to the newest schema and open it: a SQLite file, created if need be, or `postgresql://...`.

        Raises DatabaseError.
        """
        url = _url(address)
        try:
            await asyncio.to_thread(_migrate, url)
            engine = _engine(url)
        except ModuleNotFoundError as error:
            raise DatabaseError(
                f"{url.drivername} needs a package that is not installed: pip install jigsmith[postgres]"
            ) from error
        except (OperationalError, InterfaceError) as error:
            raise DatabaseError(
                f"the database {url.render_as_string()} cannot be used: {_first_line(error)}"
            ) from error
        return cls(engine)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for reading. Raises RegistryUnavailableError."""
        with _answering():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in a transaction, which is committed durably at the end, or rolled back on an exception.

        Raises RegistryUnavailableError.
        """
        with _answering():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection that alone may change what releases and names stand for, for as long as it lives.

        It is not in a transaction: the borrower begins one after the other. Of all runtimes, one at a time holds it; where
        the connection is lost, so is the right to change anything, and with it what was not committed.
        Raises RegistryUnavailableError.
        """
        with _answering():
            async with self._engine.connect() as connection:
                if not self.is_shared:
                    yield connection
                    return
                await connection.execute(text(f"SELECT pg_advisory_lock({_LOCK_OF_CHANGES})"))
                await connection.commit()
                try:
                    yield connection
                finally:
                    await _unlock(connection)


async def _unlock(connection: AsyncConnection) -> None:
    try:
        await connection.rollback()
        await connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK_OF_CHANGES})"))
        await connection.commit()
    except (OperationalError, InterfaceError):  # it is lost, and its lock with it
        await connection.invalidate()


def _url(address: str | Path) -> URL:
    if isinstance(address, Path):
        return URL.create("sqlite+aiosqlite", database=str(address))
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise DatabaseError("the database must be given as postgresql://USER@HOST/NAME") from error
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise DatabaseError(
            f"{url.drivername} is not supported: give postgresql://USER@HOST/NAME, or nothing for SQLite"
        )
    return url.set(drivername="postgresql+psycopg")


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url)
        event.listen(engine.sync_engine, "connect", _configure_sqlite)
        return engine
    return create_async_engine(
        url,
        connect_args={"options": _POSTGRESQL_OPTIONS, "connect_timeout": _CONNECT_TIMEOUT_S},
        pool_size=_CONNECTIONS_MAX,
        max_overflow=0,
        pool_timeout=_CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
    )


@contextmanager
def _answering() -> Iterator[None]:
    """Say of a database that does not answer that it does not. Raises RegistryUnavailableError."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise RegistryUnavailableError(f"the registry's database does not answer: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).partition("\n")[0]


def _configure_sqlite(connection: Any, _record: object) -> None:  # Any: a DBAPI connection has no common type
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # a commit that was acknowledged survives a power cut
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _migrate(url: URL) -> None:
    """Bring the schema to the newest version. Runtimes that start at the same time wait for each other."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    sqlite = url.get_backend_name() == "sqlite"
    arguments = {} if sqlite else {"connect_timeout": _CONNECT_TIMEOUT_S}
    engine = sqlalchemy.create_engine(url.set(drivername="sqlite") if sqlite else url, connect_args=arguments)
    if sqlite:
        event.listen(engine, "connect", _configure_sqlite)
    try:
        with engine.begin() as connection:
            if not sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_OF_MIGRATIONS})"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
