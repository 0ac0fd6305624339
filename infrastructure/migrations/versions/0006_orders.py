"""Orders: app groups that exist keep dollars where no currency is named, as an event."""

from alembic import op

from infrastructure.event_store.adopting import adopt_app_groups

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Record the default currency that an earlier version assumed."""
    adopt_app_groups(op.get_bind())
