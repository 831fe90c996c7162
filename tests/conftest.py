"""What tests of every kind share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL server; each test makes a database of its own.

    Its folder is not below pytest's, which closes that one to other users whenever a session begins.
    """
    with tempfile.TemporaryDirectory(prefix="jigsmith-postgres-") as folder:
        server = Postgres(Path(folder))
        server.start()
        yield server
        server.stop()
