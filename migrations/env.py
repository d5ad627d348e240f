"""Alembic's entry point, run by its commands: applies changes on the connection it is given.

The connection, its transaction and the advisory lock are `migrations.history`'s.
"""

from alembic import context

attributes = context.config.attributes

context.configure(
    connection=attributes["connection"],
    version_table=attributes["version_table"],
    on_version_apply=attributes["on_version_apply"],
)
context.run_migrations()
