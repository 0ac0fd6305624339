"""What a summary is made from: `results --json` and `report --json` of a campaign, read by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infrastructure.words.quantities import TERMINAL, Writing

FIXED = "fixed"
"""The one test that is right for one look only."""


@dataclass(frozen=True)
class Difference:
    """How far a variant's rate is above another's, with the interval at one look and the p that decides."""

    value: float | None
    interval: tuple[float, float] | None
    p: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True)
class Outcome:
    """A campaign's results and report; `recipients_a_day` are those of all variants together, at the present rate."""

    results: dict[str, Any]
    report: dict[str, Any]
    writing: Writing = TERMINAL
    recipients_a_day: float | None = None

    @property
    def kind(self) -> str:
        """Campaign or canvas."""
        return str(self.report["kind"])

    @property
    def status(self) -> str:
        """Draft, launched, stopped or archived."""
        return str(self.report["status"])

    @property
    def goes_on(self) -> bool:
        """Whether more users may receive it."""
        return self.status == "launched"

    @property
    def decision(self) -> dict[str, Any]:
        """The decision of the test."""
        found: dict[str, Any] = self.results["winner"]
        return found

    @property
    def is_for_one_look(self) -> bool:
        """Whether the deciding test is right for one look only."""
        return bool(self.results["test"] == FIXED)

    @property
    def primary(self) -> dict[str, Any] | None:
        """The results on the primary conversion event; None where there is none."""
        events: list[dict[str, Any]] = self.results["conversion_events"]
        return events[0] if events else None

    @property
    def variants(self) -> list[dict[str, Any]]:
        """The variants with their rates on the primary conversion event."""
        return [] if self.primary is None else list(self.primary["variants"])

    @property
    def received(self) -> list[dict[str, Any]]:
        """The variants that have recipients."""
        return [each for each in self.variants if each["recipients"]]

    @property
    def control(self) -> dict[str, Any] | None:
        """The control group, if it has recipients."""
        return next((each for each in self.received if each["control"]), None)

    @property
    def has_control(self) -> bool:
        """Whether the campaign has a control group, received or not."""
        return any(each["control"] for each in self.report["variants"])

    @property
    def recipients(self) -> int:
        """Recipients of all variants, control included."""
        return sum(each["recipients"] for each in self.variants)

    @property
    def converted(self) -> int:
        """Of them, those who converted on the primary conversion event."""
        return sum(each["converted"] for each in self.variants)

    @property
    def open(self) -> int:
        """Of them, those whose window is open."""
        return sum(each["open"] for each in self.variants)

    def find(self, variant_id: str | None) -> dict[str, Any] | None:
        """A variant that has recipients, by its id."""
        return next((each for each in self.received if each["variant_id"] == variant_id), None)

    def name(self, variant: dict[str, Any]) -> str:
        """A variant as a sentence names it."""
        return "the control group" if variant["control"] else self.writing.name(variant["variant_id"])

    def name_ids(self, ids: Sequence[str]) -> list[str]:
        """Variants by their ids, as a sentence names them."""
        controls = {each["variant_id"] for each in self.report["variants"] if each["control"]}
        return ["the control group" if each in controls else self.writing.name(each) for each in ids]

    def compare(self, variant: dict[str, Any], other: dict[str, Any]) -> Difference:
        """A variant against another, as the results have it or turned round."""
        ours, theirs = variant["variant_id"], other["variant_id"]
        found = self._find_comparison(ours, theirs)
        if found is not None:
            return Difference(found["difference"], _read(found["difference_interval"]), self._p(ours, found))
        found = self._find_comparison(theirs, ours)
        if found is not None:
            interval = _read(found["difference_interval"])
            return Difference(
                None if found["difference"] is None else -found["difference"],
                None if interval is None else (-interval[1], -interval[0]),
                self._p(ours, found),
            )
        return Difference(_subtract(variant["rate"], other["rate"]), None, self._p_of_leader(ours, theirs))

    def find_needed(self, variant: dict[str, Any]) -> int | None:
        """The recipients that a variant still needs at one look, as the results have it."""
        found = self._find_comparison(variant["variant_id"], self.results["against"])
        return None if found is None else found["recipients_needed"]

    def _find_comparison(self, ours: str, theirs: str) -> dict[str, Any] | None:
        for each in [] if self.primary is None else self.primary["comparisons"]:
            if each["variant_id"] == ours and each["against"] == theirs:
                return dict(each)
        return None

    def _p(self, ours: str, found: dict[str, Any]) -> float | None:
        """With control that of the results decides; among others that of the leader."""
        if self.control is None:
            theirs = found["against"] if found["variant_id"] == ours else found["variant_id"]
            of_leader = self._p_of_leader(ours, theirs)
            return found["adjusted"] if of_leader is None else of_leader
        p: float | None = found["adjusted"]
        return p

    def _p_of_leader(self, ours: str, theirs: str) -> float | None:
        pairs = ((self.decision["compared"], each) for each in self.decision["comparisons"])
        return next((each["adjusted"] for of, each in pairs if {of, each["against"]} == {ours, theirs}), None)


def _read(interval: Sequence[float | None] | None) -> tuple[float, float] | None:
    low, high = interval or (None, None)
    return None if low is None or high is None else (low, high)


def _subtract(rate: float | None, other: float | None) -> float | None:
    return None if rate is None or other is None else rate - other
