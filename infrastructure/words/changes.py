"""What changed a campaign's figures, in words: which figures, and the receipts, conversions and sales behind them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from application.queries.differences import FigureChange, Value
from domain import money
from domain.campaigns.conversion_events import LETTERS
from domain.facts import Fact, Received, type_of
from domain.journey.decisions import Conversion, Occurrence, Receipt, Revenue
from infrastructure.words.facts import describe_variant
from infrastructure.words.quantities import NO_FIGURE, TERMINAL, Writing, counted, percent, thousands
from projections.campaign_report.as_of import Clock
from projections.campaign_report.changes import Change, Stands

_BECAME: Final = {"recorded": " is new", "withdrawn": " no longer counts", "occurred": ""}


@dataclass(frozen=True)
class ChangeInWords:
    """A change: of which user, None where the identity was erased, and what it was."""

    user: str | None
    text: str

    @property
    def who(self) -> str:
        """The user as a sentence begins with."""
        return "a user whose identity was erased" if self.user is None else self.user


def name_figure(change: FigureChange) -> str:
    """The figure that changed: "conversion rate, event B"."""
    figure = change.figure.replace("_", " ")
    return figure if change.index is None else f"{figure}, event {LETTERS[change.index]}"


def state_value(change: FigureChange, value: Value, *, signed: bool = False) -> str:
    """A value of a figure as people read it."""
    if value is None:
        return NO_FIGURE
    sign = "+" if signed and value > 0 else "-" if value < 0 else ""
    if isinstance(value, Decimal):
        return f"{sign}{thousands(money.printed(abs(value), str(change.currency)))} {change.currency}"
    if change.figure == "conversion_rate":
        return f"{sign}{abs(value) * 100:.2f} points" if signed else percent(value)
    return f"{sign}{abs(value):,}"


def state_extent(figures: int, changes: int, clock: Clock) -> str:
    """How much changed between two times, as a sentence."""
    if not changes:
        return "Nothing changed."
    if clock == "recorded":
        by = counted(changes, "change")
    elif changes == 1:
        by = "one receipt, conversion or purchase"
    else:
        by = f"{changes:,} receipts, conversions and purchases"
    return f"{counted(figures, 'figure')} changed, by {by}."


def describe_change(
    change: Change, controls: set[str], writing: Writing = TERMINAL, campaign_id: str = ""
) -> ChangeInWords:
    """A change in words: whose, what, and because of which fact; `controls` are the ids of control groups.

    `campaign_id` is for a writing that knows the campaign's conversion events.
    """
    user = None if change.user_id is None else writing.name(change.user_id)
    return ChangeInWords(user, _Changed(change, controls, writing, campaign_id).text)


class _Changed:
    """A change, and how its parts are written."""

    def __init__(self, change: Change, controls: set[str], writing: Writing, campaign_id: str) -> None:
        self._change = change
        self._controls = controls
        self._writing = writing
        self._campaign_id = campaign_id

    @property
    def text(self) -> str:
        """What changed, and because of which fact: one that the change is itself about is not named twice."""
        subject, what = self._what()
        because = self._change.because
        return (
            what
            if because is None or because.id == subject.id
            else f"{what}; because of {self._fact(because)}"
        )

    def _what(self) -> tuple[Receipt | Occurrence, str]:
        """The receipt or behaviour that the change is about, and what changed."""
        change = self._change
        state = change.now or change.before
        if isinstance(state, Receipt):
            counts = "counts for" if change.now else "no longer counts for"
            return state, f"receipt {self._name(state)} {counts} {self._variant(state)}{self._users()}"
        if isinstance(state, Conversion):
            subject, name = (
                state.behaviour,
                f"conversion on {self._writing.event(self._campaign_id, change.index or 0)}",
            )
        else:
            subject = self._sale()
            name = f"revenue of {change.sale} {self._name(subject)}"
        return subject, f"{name}{self._became()}"

    def _became(self) -> str:
        """What became of a conversion or of revenue."""
        change = self._change
        before, now = self._value(change.before), self._value(change.now)
        was, is_ = self._credit(change.before), self._credit(change.now)
        if change.verb != "restated":
            return f"{_BECAME[change.verb]}: {now or before}, {is_ or was}"
        if was == is_:
            return f" changed from {before} to {now}, {is_}"
        return f" changed from {before}, {was}, to {now}, {is_}"

    def _sale(self) -> Occurrence:
        if self._change.purchase is None:
            raise ValueError("revenue is of a purchase")
        return self._change.purchase

    def _value(self, state: Stands) -> str:
        """The behaviour that converts, by its type where that is known, or what a sale comes to."""
        because = self._change.because
        match state:
            case Conversion(behaviour=behaviour):
                is_cause = because is not None and because.id == behaviour.id
                return self._fact(because) if because is not None and is_cause else self._name(behaviour)
            case Revenue(net=net):
                currency = str(self._change.currency)
                return f"{thousands(money.printed(net, currency))} {currency}"
            case _:
                return ""

    def _credit(self, state: Stands) -> str:
        return (
            f"credited to {self._variant(state.receipt)}" if isinstance(state, Conversion | Revenue) else ""
        )

    def _users(self) -> str:
        """What a receipt did to the counts of unique recipients."""
        of = [f"the {name}" for name in ("variant", "campaign") if self._change.unique_recipients[name]]
        if not of:
            return ""
        return f"; {'a new' if self._change.now else 'no longer a'} unique recipient of {' and '.join(of)}"

    def _name(self, named: Receipt | Occurrence) -> str:
        return f"{self._writing.name(named.id)} of {self._writing.instant(named.at)}"

    def _fact(self, fact: Fact) -> str:
        kind = "receipt" if isinstance(fact, Received) else type_of(fact).replace("_", " ")
        return f"{kind} {self._writing.name(fact.id)} of {self._writing.instant(fact.at)}"

    def _variant(self, receipt: Receipt) -> str:
        stated = {"variant_id": receipt.variant_id, "control": receipt.variant_id in self._controls}
        return describe_variant(stated, self._writing)
