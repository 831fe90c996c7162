"""Triggers that keep rows as they are, in the words of each database."""

from alembic import op

_FUNCTION = "jigsmith_refuse_change"


def forbid(table: str, change: str, *, name: str, when: str = "") -> None:
    """Forbid UPDATE or DELETE on a table, or only where a condition over OLD and NEW holds."""
    if op.get_bind().dialect.name == "sqlite":
        condition = f"WHEN {when} " if when else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {change} ON {table} {condition}"
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} stay as they are'); END"
        )
        return
    op.execute(
        f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of % stay as they are', TG_TABLE_NAME; END $$"
    )
    # SQLite says IS NOT where the standard says IS DISTINCT FROM.
    condition = f"WHEN ({when.replace(' IS NOT ', ' IS DISTINCT FROM ')}) " if when else ""
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW {condition}EXECUTE FUNCTION {_FUNCTION}()"
    )
