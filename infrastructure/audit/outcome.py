"""What an audit found: totals, sums, a checksum, and every difference with what both sides say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from domain import money
from domain.instants import from_microseconds, printed

KEPT = 1_000
"""Differences that are listed one by one; all are counted."""

KEPT_OF_A_KIND = 100
"""At most so many of each kind are listed, so that one kind does not hide the others."""

_CAUSES_FIRST = (
    "event",
    "stream",
    "fact",
    "receipt",
    "campaign",
    "void",
    "upgrade",
    "conversion",
    "revenue",
    "recipient",
    "figure",
)
"""Subjects in the order in which they are listed: the first ones cause the others."""

UNREADABLE = -1
"""Stands for an instant or an amount of a read model that cannot be read."""


class Story(NamedTuple):
    """What one side says about a thing; None where it says nothing. Instants are in microseconds since 1970."""

    id: str | None = None
    at: int | None = None
    receipt_id: str | None = None
    received_at: int | None = None
    variant_id: str | None = None
    net: Decimal | None = None
    text: str | None = None

    @property
    def silent(self) -> bool:
        """Whether it says nothing at all."""
        return all(each is None for each in self)

    def as_json(self) -> dict[str, Any] | None:
        """The values that are not None; None if there are none."""
        said: dict[str, Any] = {name: value for name, value in self._asdict().items() if value is not None}
        for name in ("at", "received_at"):
            if name in said:
                known = said[name] != UNREADABLE
                said[name] = printed(from_microseconds(said[name])) if known else "unreadable"
        if "net" in said:
            said["net"] = "unreadable" if said["net"] == UNREADABLE else f"{said['net'].normalize():f}"
        return said or None


class Difference(NamedTuple):
    """A thing on which the rules and a claim disagree, or a claim with itself."""

    subject: str
    """conversion, revenue, recipient, upgrade, void, stream, event, fact, receipt, campaign, or a report's figure."""
    problem: str
    claim: str
    """Who says otherwise: `streams`, or a read model."""
    app_group: str
    journey_id: str | None
    campaign_id: str | None
    thing: str
    """Which of its kind: the conversion event, the purchase or order, the variant, the app, the fact."""
    judged: Story
    said: Story
    position: int | None = None
    """The position of the event that says so."""
    is_order: bool | None = None
    """Whether revenue is an order's; None for other subjects."""

    @property
    def kind(self) -> tuple[str, str, str]:
        """What differences are counted by: the subject, the problem and who says otherwise."""
        return self.subject, self.problem, self.claim

    def as_json(self) -> dict[str, Any]:
        """As docs/audit.md has it."""
        return {
            "subject": self.subject,
            "problem": self.problem,
            "claim": self.claim,
            "app_group": self.app_group,
            "journey_id": self.journey_id,
            "campaign_id": self.campaign_id,
            "thing": self.thing,
            "judged": self.judged.as_json(),
            "said": self.said.as_json(),
            "position": None if self.position is None else str(self.position),
            "is_order": self.is_order,
        }


class Figure(NamedTuple):
    """The key of a figure: its variant ('' is the campaign), clock and day (days since 1970)."""

    figure: str
    app_group: str
    campaign_id: str
    variant_id: str
    thing: str
    clock: str
    day: int | None


class Fingerprint(NamedTuple):
    """One number for all that counts: how many things, and the sums of both halves of their digests."""

    lines: int = 0
    one_half: int = 0
    other_half: int = 0

    def __str__(self) -> str:
        return f"{self.lines:x}-{self.one_half % 2**64:016x}{self.other_half % 2**64:016x}"


@dataclass
class Judged:
    """What was found among the journeys of a range; ranges add up."""

    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    totals: Counter[str] = field(default_factory=Counter)
    said: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By claim and what."""
    figures: dict[Figure, Decimal] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    counted: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """Differences by app group, subject, problem and claim."""

    @property
    def counts(self) -> Counter[tuple[str, str, str]]:
        """Differences by subject, problem and claim."""
        found = Counter[tuple[str, str, str]]()
        for (_, *kind), number in self.counted.items():
            found[kind[0], kind[1], kind[2]] += number
        return found

    def add(self, other: "Judged") -> None:
        """Add what was found in another range."""
        pairs = zip(self.fingerprint, other.fingerprint, strict=True)
        self.fingerprint = Fingerprint(*(one + more for one, more in pairs))
        # Not `+=`, which drops entries that are 0.
        self.totals.update(other.totals)
        self.said.update(other.said)
        self.counted += other.counted
        for difference in other.differences:
            self._keep(difference)
        for figure, number in other.figures.items():
            self.figures[figure] = self.figures.get(figure, Decimal()) + number

    def note(self, difference: Difference) -> None:
        """Count a difference, and keep it while there is room for its kind."""
        self.counted[difference.app_group, *difference.kind] += 1
        self._keep(difference)

    def _keep(self, difference: Difference) -> None:
        of_its_kind = sum(each.kind == difference.kind for each in self.differences)
        if len(self.differences) < KEPT and of_its_kind < KEPT_OF_A_KIND:
            self.differences.append(difference)


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit."""

    source: str
    engine: str
    position: int
    campaign_id: str | None
    claims: tuple[str, ...]
    events: int
    judged: Judged
    seconds: float
    address: str = ""
    """The database, without its password, or the location of the archive."""
    made_at: str = ""
    users: Mapping[str, str] = field(default_factory=dict)
    """The users of journeys with differences, by journey."""
    altered: Sequence[int] = ()
    """Positions of events of those journeys and of campaigns whose hash differs."""

    @property
    def listed(self) -> list[Difference]:
        """The differences that are listed one by one, causes first."""
        return sorted(self.judged.differences, key=lambda each: _CAUSES_FIRST.index(each.subject))

    @property
    def checksum(self) -> str:
        """Of all that counts by the rules: the same for every engine and all ranges."""
        return str(self.judged.fingerprint)

    @property
    def differs(self) -> int:
        """The number of differences."""
        return self.judged.counts.total()

    @property
    def revenue(self) -> Mapping[str, Decimal]:
        """The revenue of all purchases and orders that count, by currency; control is included."""
        sums: dict[str, Decimal] = {}
        for key, number in self.judged.figures.items():
            if key.figure == "revenue" and key.clock == "conversion":
                sums[key.thing] = sums.get(key.thing, Decimal()) + number
        return dict(sorted(sums.items()))

    def as_json(self) -> dict[str, Any]:
        """As docs/audit.md has it."""
        return {
            "source": self.source,
            "address": self.address,
            "made_at": self.made_at,
            "engine": self.engine,
            "position": str(self.position),
            "campaign_id": self.campaign_id,
            "claims": list(self.claims),
            "events": self.events,
            "judged": dict(self.judged.totals),
            "said": {
                claim: {what: number for (other, what), number in self.judged.said.items() if other == claim}
                for claim in self.claims
            },
            "revenue": {
                currency: money.printed(amount, currency) for currency, amount in self.revenue.items()
            },
            "checksum": self.checksum,
            "differences": self.differs,
            "differences_by_kind": [
                {"subject": subject, "problem": problem, "claim": claim, "number": number}
                for (subject, problem, claim), number in sorted(self.judged.counts.items())
            ],
            "told": [
                difference.as_json() | {"user_id": self.users.get(difference.journey_id or "")}
                for difference in self.listed
            ],
            "altered": [str(position) for position in self.altered],
            "seconds": self.seconds,
        }
