"""How many people each filter of a list finds, where figures that are kept anyway say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from application.queries.lists import WantedConversions, WantedRecipients, read_several_variants
from application.queries.reads import ALL_DAYS, AskedCampaign
from application.queries.report import read_report, read_report_of_days
from domain.campaigns.conversion_events import LETTERS
from infrastructure.web.asking import Questions
from projections.recipients.reading import SeveralVariants

Wanted = WantedRecipients | WantedConversions


@dataclass(frozen=True)
class PeopleCounts:
    """The figures of a campaign's report, and of users who received several variants."""

    report: dict[str, Any]
    several: SeveralVariants
    is_of_days: bool

    def count(self, wanted: Wanted) -> int | None:
        """How many rows a list has; None where only counting them would tell."""
        if isinstance(wanted, WantedConversions):
            return self._count_conversions(wanted)
        return self._count_recipients(wanted)

    def of_variant(self, variant_id: str) -> int:
        """How many users received a variant."""
        return int(self._find(variant_id)["unique_recipients"])

    def converted(self, index: int) -> int:
        """How many users converted on a conversion event, control too."""
        return sum(int(each["conversions"][index]) for each in self.report["variants"])

    def open(self, index: int) -> int | None:
        """How many users of any variant but control have a window that is open; None where it is not known now."""
        mature = self.report.get("mature")
        return None if mature is None else int(mature["totals"][index]["open"])

    def _count_conversions(self, wanted: WantedConversions) -> int | None:
        if wanted.user_id is not None:
            return None
        letters = LETTERS[: len(self.report["conversion_events"])]
        indexes = [letters.index(each) for each in letters if wanted.event in {None, each, each.lower()}]
        return sum(int(row["conversions"][index]) for row in self._rows(wanted) for index in indexes)

    def _count_recipients(self, wanted: WantedRecipients) -> int | None:
        asked = [each for each in (wanted.converted, wanted.not_converted, wanted.open) if each]
        if wanted.user_id is not None or len(asked) > 1 or (wanted.open and self.is_of_days):
            return None
        if wanted.several_variants:
            is_plain = not (asked or self.is_of_days or wanted.variant_id or wanted.without_control)
            return self.several.users if is_plain else None
        users = self._count_users(wanted)
        if not asked or users is None:
            return users
        index = LETTERS.index(asked[0].upper())
        converted = sum(int(row["conversions"][index]) for row in self._rows(wanted))
        if wanted.open:
            return self._count_open(wanted, index)
        return converted if wanted.converted else users - converted

    def _count_users(self, wanted: WantedRecipients) -> int | None:
        if wanted.variant_id is not None:
            rows = self._rows(wanted)
            return int(rows[0]["unique_recipients"]) if rows else 0
        users = int(self.report["totals"]["unique_recipients"])
        control = [] if wanted.without_control else self._controls()
        if not control:
            return users
        # Who received control and another variant is in both figures; of some days nobody has counted them.
        both = None if self.is_of_days else self.several.with_control
        return None if both is None else users + int(control[0]["unique_recipients"]) - both

    def _count_open(self, wanted: WantedRecipients, index: int) -> int | None:
        if not self._rows(wanted):
            return 0
        mature = self.report.get("mature")
        if mature is None:
            return None
        if wanted.variant_id is not None:
            found = [each for each in mature["variants"] if each["variant_id"] == wanted.variant_id]
            return int(found[0]["conversion_events"][index]["open"]) if found else None
        return (
            int(mature["totals"][index]["open"]) if wanted.without_control or not self._controls() else None
        )

    def _rows(self, wanted: Wanted) -> list[Mapping[str, Any]]:
        """The variants that are asked about."""
        return [
            each
            for each in self.report["variants"]
            if wanted.variant_id in {None, each["variant_id"]}
            and not (wanted.without_control and each["control"])
        ]

    def _controls(self) -> list[Mapping[str, Any]]:
        return [each for each in self.report["variants"] if each["control"]]

    def _find(self, variant_id: str) -> Mapping[str, Any]:
        return next(each for each in self.report["variants"] if each["variant_id"] == variant_id)


async def read_counts(questions: Questions, wanted: Wanted) -> PeopleCounts:
    """Read the counts; raises Problem."""

    def question(campaign: AskedCampaign) -> PeopleCounts:
        is_of_days = wanted.days != ALL_DAYS
        report = read_report_of_days(campaign, wanted.days) if is_of_days else read_report(campaign)
        return PeopleCounts(report.as_json(), read_several_variants(campaign), is_of_days)

    return await questions.ask(question)
