"""Runs the migrations on the connection that the caller hands over, inside the caller's transaction."""

from alembic import context

from dcapi.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
