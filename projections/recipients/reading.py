"""Reading recipients: the list of a campaign's users, mature rates, and reports over a period of receipt."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, case, distinct, func, literal_column, or_, select
from sqlalchemy.engine import Connection

from domain.conversion_events import LETTERS
from domain.definition import Definition
from domain.instants import printed
from projections.campaign_report.reading import Figures
from projections.columns import EXACT
from projections.generations import current
from projections.projection import Known
from projections.recipients import RECIPIENTS, tables
from projections.recipients.days import spans
from projections.recipients.hours import floored
from projections.recipients.tables import CAMPAIGN
from projections.sums import stream
