"""Alembic's entry: migrations run over the connection that `database` hands in."""

from alembic import context

from jigsmith_runtime.registry.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
