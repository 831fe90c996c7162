"""The registry's schema on SQLite and PostgreSQL: made anew, brought up from every released version, and kept by triggers."""

from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from jigsmith_runtime.registry import database as registry_database
from jigsmith_runtime.registry.database import Database, DatabaseError
from jigsmith_runtime.registry.tables import metadata

MIGRATIONS = Path(registry_database.__file__).parent / "migrations"
RELEASED = ["0001", "0002"]
"""Every version of the schema that a database may have."""

TIME = "2026-01-01T00:00:00.000000Z"
ROWS = {
    "function_versions": {
        "function": "f",
        "digest": "a" * 64,
        "definition": "{}",
        "provenance": "{}",
        "creator": "service:o",
        "create_time": TIME,
    },
    "function_sets": {
        "function_set": "demo",
        "description": "words",
        "policy": "restricted",
        "creator": "service:o",
        "create_time": TIME,
    },
    "revisions": {
        "function_set": "demo",
        "revision": 1,
        "message": "first",
        "digest": "b" * 64,
        "state": "ACTIVE",
        "creator": "service:o",
        "create_time": TIME,
    },
    "revision_versions": {"function_set": "demo", "revision": 1, "function": "f", "digest": "a" * 64},
    "releases": {
        "function_set": "demo",
        "release": 1,
        "channel": "production",
        "revision": 1,
        "revision_digest": "b" * 64,
        "reason": "why",
        "state": "ACTIVE",
        "requester": "service:o",
        "reviewer": "user:r",
        "review_reason": "read",
        "create_time": TIME,
        "update_time": TIME,
        "generation": 2,
    },
    "channels": {
        "function_set": "demo",
        "channel": "production",
        "revision": 1,
        "release": 1,
        "generation": 1,
        "update_time": TIME,
    },
    "answers": {"principal": "p", "request_id": "r", "fingerprint": "f", "answer": "a", "create_time": TIME},
    "intents": {"log_size": 1, "entry": "{}", "writes": "[]"},
}
"""A row of each table of the first version."""

LATER = {
    "approvals": {
        "function_set": "demo",
        "release": 1,
        "reviewer": "user:r",
        "reason": "read",
        "create_time": TIME,
        "expire_time": TIME,
        "envelope": "{}",
    },
    "quarantines": {
        "name": "functions/f/versions/x",
        "principal": "user:o",
        "reason": "bad",
        "ends_running": 0,
        "create_time": TIME,
    },
}
"""Rows of tables that came later."""


def fill(connection: sqlalchemy.Connection, rows: dict[str, dict]) -> None:
    """Add rows."""
    for table, values in rows.items():
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        connection.execute(sqlalchemy.text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database, for SQLAlchemy's synchronous engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    return request.getfixturevalue("postgres").database().replace("postgresql:", "postgresql+psycopg:")


def bring(url: str, version: str) -> sqlalchemy.Engine:
    """Bring a database to a version of the schema."""
    engine = sqlalchemy.create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    return engine


async def opened(url: str) -> Database:
    """Open a database as a runtime does."""
    if url.startswith("sqlite"):
        return await Database.open(Path(url.removeprefix("sqlite:///")))
    return await Database.open(url.replace("+psycopg", ""))


def test_a_new_database_is_what_the_tables_say(url: str) -> None:
    """Alembic finds nothing to do."""
    engine = bring(url, "head")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@pytest.mark.parametrize("version", RELEASED)
async def test_nothing_is_lost_on_the_way_up(url: str, version: str) -> None:
    """From every released version, with a row in each table."""
    engine = bring(url, version)
    with engine.begin() as connection:
        fill(connection, ROWS)
    database = await opened(url)
    await database.close()
    with engine.connect() as connection:
        for table in ("function_versions", "function_sets", "revisions", "revision_versions", "releases", "channels"):
            assert connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar() == 1
        found = connection.execute(sqlalchemy.text("SELECT node, state FROM intents")).one()
        assert tuple(found) == ("", "pending")
        assert connection.execute(sqlalchemy.text("SELECT epoch FROM registry_state")).scalar() == 0
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


FORBIDDEN = [
    "UPDATE function_versions SET definition = 'x'",
    "DELETE FROM function_versions",
    "UPDATE revision_versions SET digest = digest",
    "UPDATE revisions SET message = 'other'",
    "UPDATE function_sets SET creator = 'user:other'",
    "DELETE FROM revisions",
    "UPDATE approvals SET reviewer = 'user:x'",
    "DELETE FROM approvals",
    "DELETE FROM quarantines",
]
ALLOWED = ["UPDATE revisions SET state = 'ROLLED_BACK'", "UPDATE function_sets SET policy = 'none'"]


def test_immutable_rows_stay_as_they_are(url: str) -> None:
    """Whoever only has the runtime's own way to the database cannot rewrite them; what may change, may."""
    engine = bring(url, "head")
    with engine.begin() as connection:
        fill(connection, ROWS | LATER)
    for statement in FORBIDDEN:
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="stay as they are"), engine.begin() as connection:
            connection.execute(sqlalchemy.text(statement))
    for statement in ALLOWED:
        with engine.begin() as connection:
            assert connection.execute(sqlalchemy.text(statement)).rowcount == 1
    engine.dispose()


@pytest.mark.parametrize(
    "address", ["mysql://host/name", "sqlite:///other.db", "nonsense", "postgresql://x:secret@127.0.0.1:9/n"]
)
async def test_what_cannot_be_opened_says_why_and_keeps_the_password(address: str) -> None:
    """Other databases, no address, nobody there."""
    with pytest.raises(DatabaseError) as refused:
        await Database.open(address)
    assert "secret" not in str(refused.value)
