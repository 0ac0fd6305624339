"""What changed a campaign's figures, one change a sentence: what it was, what it is now, and because of which fact."""

from collections.abc import Set as AbstractSet
from typing import Any

from domain import money
from domain.campaigns.conversion_events import LETTERS
from domain.facts import Fact, type_of
from domain.journey.decisions import Conversion, Occurrence, Receipt
from infrastructure.words.quantities import TERMINAL, Writing, thousands
from projections.campaign_report.changes import Change

NOBODY = "a user whose identity was erased"


def describe_change(change: Change, controls: AbstractSet[str], writing: Writing = TERMINAL) -> str:
    """A change in words, without the user: "conversion A recorded: purchase p1 of ..., credited to variant B"."""
    return _Change(change, controls, writing).describe()


class _Change:
    """A change, and how it is written."""

    def __init__(self, change: Change, controls: AbstractSet[str], writing: Writing) -> None:
        self._change = change
        self._controls = controls
        self._writing = writing

    def describe(self) -> str:
        subject, what = self._what()
        because = self._change.because
        if because is None or because.id == subject.id:
            return what
        return f"{what}; because of {self._fact(because)}"

    def _what(self) -> tuple[Receipt | Occurrence, str]:
        """What changed, and the receipt or behaviour that it is about: if that is the cause, it is not named twice."""
        change = self._change
        state = change.now or change.before
        if isinstance(state, Receipt):
            counts = "counts for" if change.now else "no longer counts for"
            return state, f"receipt {self._name(state)} {counts} {self._variant(state)}{self._users()}"
        if isinstance(state, Conversion):
            subject, name = state.behaviour, f"conversion {LETTERS[change.index or 0]}"
        else:
            subject = self._purchase()
            name = f"revenue of {change.sale} {self._name(subject)}"
        return subject, f"{name} {self._became()}"

    def _became(self) -> str:
        """What became of a conversion or of revenue."""
        change = self._change
        before, now = (self._value(each) for each in (change.before, change.now))
        was, is_ = (self._credit(each) for each in (change.before, change.now))
        if change.verb != "restated":
            return f"{change.verb}: {now or before}, {is_ or was}"
        if was == is_:
            return f"restated from {before} to {now}, {is_}"
        return f"restated from {before}, {was}, to {now}, {is_}"

    def _purchase(self) -> Occurrence:
        if self._change.purchase is None:
            raise ValueError("revenue is of a purchase")
        return self._change.purchase

    def _value(self, state: Any) -> str:  # noqa: ANN401
        """The behaviour that converts, by its type if that is known, or what a purchase comes to."""
        because = self._change.because
        if state is None:
            return ""
        if not isinstance(state, Conversion):
            currency = str(self._change.currency)
            return f"{thousands(money.printed(state.net, currency))} {currency}"
        if because is not None and because.id == state.behaviour.id:
            return self._fact(because)
        return self._name(state.behaviour)

    def _credit(self, state: Any) -> str:  # noqa: ANN401
        return "" if state is None else f"credited to {self._variant(state.receipt)}"

    def _users(self) -> str:
        """What a receipt did to the counts of unique recipients."""
        of = [f"the {name}" for name in ("variant", "campaign") if self._change.unique_recipients[name]]
        if not of:
            return ""
        return f"; {'a new' if self._change.now else 'no longer a'} unique recipient of {' and '.join(of)}"

    def _name(self, named: Receipt | Occurrence) -> str:
        return f"{self._writing.name(named.id)} of {self._writing.instant(named.at)}"

    def _fact(self, fact: Fact) -> str:
        return f"{type_of(fact).replace('_', ' ')} {self._writing.name(fact.id)} of {self._writing.instant(fact.at)}"

    def _variant(self, receipt: Receipt) -> str:
        variant = self._writing.name(receipt.variant_id)
        return (
            f"the control group ({variant})" if receipt.variant_id in self._controls else f"variant {variant}"
        )
