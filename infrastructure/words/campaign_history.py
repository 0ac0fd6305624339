"""The events of a campaign in words: what happened, and what it was decided on (R1 to R5, R21)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from domain.campaigns import events
from domain.campaigns.conversion_events import LETTERS, ConversionEvent
from domain.campaigns.definition import Variant, Weights
from domain.campaigns.evidence import SelectionEvidence, WinnerEvidence
from domain.instants import from_microseconds
from infrastructure.words.conversion_events import state_rule
from infrastructure.words.quantities import TERMINAL, Writing, counted, join_names, name_p, percent

_TESTS = {
    "anytime": "valid on any day",
    "sequential": "valid on any day",
    "fixed": "one look, on a fixed day",
}


@dataclass(frozen=True)
class HappenedInWords:
    """What happened in a sentence, and more about it; `weights` are there where the event gives weights."""

    sentence: str
    details: list[str] = field(default_factory=list)
    weights: list[dict[str, Any]] | None = None


def describe_history(happened: Iterable[Any], writing: Writing = TERMINAL) -> Iterator[HappenedInWords]:
    """All events of a campaign in words, from its draft on: what an event changed follows from those before it."""
    known = _Known(writing)
    for event in happened:
        yield known.describe(event)


class _Known:
    """The campaign as far as it has come."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._name = ""
        self._variants: tuple[Variant, ...] = ()
        self._was_launched = False

    def describe(self, event: Any) -> HappenedInWords:  # noqa: ANN401 - any event of a campaign
        describe = _DESCRIBE.get(type(event))
        if describe is None:
            return HappenedInWords(f"{type(event).__name__}.")
        said = describe(self, event)
        weights: Weights | None = getattr(event, "weights", None)
        return said if weights is None else replace(said, weights=self._share(weights))

    def drafted(self, event: events.CampaignDrafted) -> HappenedInWords:
        self._name, self._variants = event.name, event.variants
        channel = f" for the channel {self._called(event.channel)}" if event.channel else ""
        details = [self._list_variants(), *self._rules(event.conversion_events)]
        return HappenedInWords(f"Drafted as the {event.kind} {self._called(event.name)}{channel}.", details)

    def renamed(self, event: events.CampaignRenamed) -> HappenedInWords:
        before, self._name = self._name, event.name
        return HappenedInWords(f"Renamed from {self._called(before)} to {self._called(event.name)}.")

    def channel_changed(self, event: events.ChannelChanged) -> HappenedInWords:
        if event.channel is None:
            return HappenedInWords("The campaign names no channel from now on.")
        return HappenedInWords(f"The channel is {self._called(event.channel)} from now on.")

    def variants_changed(self, event: events.VariantsChanged) -> HappenedInWords:
        self._variants = event.variants
        return HappenedInWords("The draft has other variants.", [self._list_variants()])

    def variants_renamed(self, event: events.VariantsRenamed) -> HappenedInWords:
        self._variants = tuple(
            Variant(each.id, event.names[each.id], each.control) for each in self._variants
        )
        return HappenedInWords("The variants have other names.", [self._list_variants()])

    def conversion_events_changed(self, event: events.ConversionEventsChanged) -> HappenedInWords:
        return HappenedInWords(
            "The draft has other conversion events.", list(self._rules(event.conversion_events))
        )

    def weights_set(self, _event: events.WeightsSet) -> HappenedInWords:
        return HappenedInWords("Somebody set the weights.")

    def launched(self, _event: events.CampaignLaunched) -> HappenedInWords:
        again, self._was_launched = self._was_launched, True
        if again:
            return HappenedInWords("Launched again.")
        return HappenedInWords("Launched: variants and conversion events are fixed from now on.")

    def stopped(self, _event: events.CampaignStopped) -> HappenedInWords:
        return HappenedInWords("Stopped: it goes out no more, and open windows run on.")

    def archived(self, _event: events.CampaignArchived) -> HappenedInWords:
        return HappenedInWords("Archived: it cannot be launched again, and its reports stay.")

    def winner_declared(self, event: events.WinnerDeclared) -> HappenedInWords:
        winner = self._called(event.variant_id)
        return HappenedInWords(
            f"Variant {winner} was declared the winner.", list(self._winner_evidence(winner, event.evidence))
        )

    def selection_started(self, event: events.SelectionStarted) -> HappenedInWords:
        return HappenedInWords(
            "Intelligent selection began: weights follow the primary conversion event, and each variant keeps "
            f"{percent(event.floor, 0)} at least."
        )

    def selection_ended(self, event: events.SelectionEnded) -> HappenedInWords:
        if event.evidence is None:
            return HappenedInWords("Somebody ended intelligent selection: weights stay as they are.")
        return HappenedInWords(
            "Intelligent selection ended: going on would hardly improve the rate.",
            [
                f"Another variant is more than 1 % better with a probability of {percent(event.evidence.better)}."
            ],
        )

    def weights_adjusted(self, event: events.WeightsAdjusted) -> HappenedInWords:
        return HappenedInWords(
            "Intelligent selection changed the weights.", list(self._selection_evidence(event.evidence))
        )

    def _winner_evidence(self, winner: str, evidence: WinnerEvidence) -> Iterator[str]:
        over = "" if evidence.as_of is None else f", windows that were over by {self._when(evidence.as_of)}"
        yield (
            f"By the {evidence.test} test ({_TESTS.get(evidence.test, 'of an earlier version')}) at level "
            f"{percent(evidence.significance, 0)}, from the log up to position {evidence.position}{over}."
        )
        for each in evidence.comparisons:
            yield (
                f"{winner} against {self._called(each.against)}: {name_p(each.p)}, "
                f"adjusted for all comparisons {name_p(each.adjusted)}."
            )
        recipients, converted = Counter[str](), Counter[str]()
        for count in (each for period in evidence.periods for each in period):
            recipients[count.variant_id] += count.recipients
            converted[count.variant_id] += count.converted
        for variant_id, number in recipients.items():
            yield (
                f"{self._called(variant_id)}: {converted[variant_id]:,} of {counted(number, 'user')} of this "
                "variant alone converted."
            )

    def _selection_evidence(self, evidence: SelectionEvidence) -> Iterator[str]:
        yield (
            f"From the log up to position {evidence.position}, as of {self._when(evidence.as_of)}; each variant "
            f"keeps {percent(evidence.floor, 0)} at least."
        )
        for each in evidence.shares:
            yield (
                f"{self._called(each.variant_id)}: {each.converted:,} of {counted(each.recipients, 'recipient')} "
                f"converted; it is the best with a probability of {percent(each.best, 1)}."
            )

    def _rules(self, hopes: Iterable[ConversionEvent]) -> Iterator[str]:
        found = [
            f"Event {letter}{' (primary)' if letter == LETTERS[0] else ''}: {state_rule(hope.stated(), self._writing)}."
            for letter, hope in zip(LETTERS, hopes, strict=False)
        ]
        yield from found or ["No conversion event."]

    def _list_variants(self) -> str:
        names = [
            self._called(each.id)
            + (f" ({self._called(each.name)})" if each.name else "")
            + (", the control group," if each.control else "")
            for each in self._variants
        ]
        listed = join_names(names).removesuffix(",")
        return f"{'Variant' if len(names) == 1 else 'Variants'} {listed}."

    def _share(self, weights: Weights) -> list[dict[str, Any]]:
        controls: Mapping[str, bool] = {each.id: each.control for each in self._variants}
        return [
            {"id": each, "weight": weight, "control": controls.get(each, False)}
            for each, weight in weights.items()
        ]

    def _when(self, instant: int) -> str:
        return self._writing.instant(from_microseconds(instant))

    def _called(self, text: str) -> str:
        return self._writing.name(text)


_DESCRIBE: dict[type[Any], Callable[[_Known, Any], HappenedInWords]] = {
    events.CampaignDrafted: _Known.drafted,
    events.CampaignRenamed: _Known.renamed,
    events.ChannelChanged: _Known.channel_changed,
    events.VariantsChanged: _Known.variants_changed,
    events.VariantsRenamed: _Known.variants_renamed,
    events.ConversionEventsChanged: _Known.conversion_events_changed,
    events.WeightsSet: _Known.weights_set,
    events.CampaignLaunched: _Known.launched,
    events.CampaignStopped: _Known.stopped,
    events.CampaignArchived: _Known.archived,
    events.WinnerDeclared: _Known.winner_declared,
    events.SelectionStarted: _Known.selection_started,
    events.SelectionEnded: _Known.selection_ended,
    events.WeightsAdjusted: _Known.weights_adjusted,
}


def name_actor(actor: str | None) -> str:
    """Who gave a command: "key k1", "root on the service's machine", "the service itself"."""
    kind, _, name = (actor or "").partition(":")
    match kind:
        case "key":
            return f"key {name}"
        case "os":
            return f"{name} on the service's machine"
        case "service":
            return "the service itself"
        case "link":
            return "the first link"
        case _:
            return actor or "nobody who is known"
