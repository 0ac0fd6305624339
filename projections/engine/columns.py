"""Types of columns that mean the same in every database, and read well in a BI tool."""

from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from sqlalchemy import DateTime, MetaData, Numeric, Text, TypeDecorator
from sqlalchemy.engine import Dialect

EXACT = Context(prec=60)
"""Sums of money: never rounded."""

read_models = MetaData()
"""What projections declare; the tables themselves have the number of their generation in their names."""

CAMPAIGN = ""
"""In the place of a variant: the row is the campaign's own, of any variant but control. No id is empty (R9, R18)."""

# Ids compare by code point (docs/rules.md, Words).
Id = Text().with_variant(Text(collation="C"), "postgresql")


class ExactDecimal(TypeDecorator[Decimal]):
    """NUMERIC where the database is exact; decimal text in SQLite, whose numbers are floats."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric(38, 6))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:  # noqa: ANN401
        return f"{value:f}" if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """TIMESTAMP WITH TIME ZONE; in SQLite text of equal length, so that it sorts: 2026-03-01T09:00:00.000000Z."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ANN401 - a batch has thousands: no call within a call
        return _write_instant if dialect.name == "sqlite" else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401
        return datetime.fromisoformat(value) if isinstance(value, str) else value


def _write_instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="microseconds")[:26] + "Z"
