"""The second step of the wizard: the conversion events of a campaign, and until when each of them counts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from application.commands.definitions import CampaignCommand, find_faults, read_command
from application.queries.campaign_files import write_deadline
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from domain.campaigns.conversion_events import LETTERS, ConversionEvent
from domain.campaigns.definition import DEFAULT_REVENUE_WINDOW
from infrastructure.web.faults import Fault, Faults
from infrastructure.web.posted import Fields, malformed
from infrastructure.web.wizard_create import restore
from infrastructure.words.conversion_events import state_revenue_rule, state_rule
from infrastructure.words.quantities import Writing, isolated

TYPES = {
    "makes_purchase": ("Makes a purchase", "Any product, unless you name one."),
    "starts_session": ("Opens app", "Any app of the group, also one added later, unless you pick some."),
    "performs_custom_event": ("Performs a custom event", "It has no default: pick the event."),
    "upgrades_app": ("Upgrades app", "Any app of the group, also one added later, unless you pick some."),
}
"""The types of conversion event, each with its default."""
DEADLINES = {"1d": "1 day", "3d": "3 days", "7d": "7 days", "14d": "14 days", "30d": "30 days"}
OTHER = "other"
UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
ANOTHER = "another"
"""The choice of a custom event that is not among those known; those are chosen by `=` and their name."""
MOST = len(LETTERS)

_WRITING = Writing(name=isolated)


@dataclass(frozen=True)
class Known:
    """What a conversion event may name, so that what a browser cannot show as it is keeps its own value."""

    apps: Sequence[str]
    custom_events: Sequence[str]
    products: Sequence[str]

    @classmethod
    def of(cls, group: AppGroup, campaign: Campaign) -> "Known":
        """The apps and custom events of the app group, and the products that the campaign names."""
        products = [event.stated().get("product_id") for event in campaign.conversion_events]
        return cls(sorted(group.apps), sorted(group.custom_events), [each for each in products if each])


@dataclass(frozen=True)
class EventFields:
    """A conversion event of the form, as it was typed."""

    type: str = "makes_purchase"
    product: str = ""
    apps: Sequence[str] = ()
    name: str = ""
    new_name: str = ""
    deadline: str = "3d"
    number: str = ""
    unit: str = "d"

    @classmethod
    def of(cls, event: ConversionEvent) -> "EventFields":
        """A conversion event as it is stored."""
        stated, deadline = event.stated(), write_deadline(event.deadline_seconds)
        is_usual = deadline in DEADLINES
        return cls(
            stated["type"],
            stated.get("product_id") or "",
            stated.get("app_ids", ()),
            f"={stated['name']}" if "name" in stated else "",
            "",
            deadline if is_usual else OTHER,
            "" if is_usual else deadline[:-1],
            "d" if is_usual else deadline[-1],
        )

    @classmethod
    def posted(cls, fields: Fields, place: int) -> "EventFields":
        """What was typed in the fields of a place."""
        return cls(
            fields.one(f"type-{place}"),
            fields.one(f"product-{place}"),
            fields.values.get(f"app-{place}", []),
            fields.values.get(f"name-{place}", [""])[0],
            fields.one(f"new-name-{place}"),
            fields.one(f"deadline-{place}"),
            fields.one(f"number-{place}"),
            fields.one(f"unit-{place}"),
        )

    @property
    def declared(self) -> str:
        """The name of a custom event that is not among those known; empty for any other."""
        is_another = self.type == "performs_custom_event" and self.name in {"", ANOTHER}
        return self.new_name if is_another else ""

    def state(self, known: Known) -> dict[str, Any]:
        """The conversion event as plain values."""
        stated: dict[str, Any] = {"type": self.type}
        stated["deadline"] = f"{self.number}{self.unit}" if self.deadline == OTHER else self.deadline
        match self.type:
            case "makes_purchase":
                stated["product_id"] = restore(self.product, known.products)
            case "starts_session" | "upgrades_app":
                stated["app_ids"] = [restore(each, known.apps) for each in self.apps]
            case "performs_custom_event":
                chosen = restore(self.name.removeprefix("="), known.custom_events)
                stated["name"] = self.declared or ("" if self.name == ANOTHER else chosen)
        return {field: value for field, value in stated.items() if value}

    def has_deadline(self) -> bool:
        """Whether a deadline was chosen, or typed as a whole number with a unit."""
        if self.deadline == OTHER:
            return self.number.isascii() and self.number.isdigit() and self.unit in UNITS
        return self.deadline in DEADLINES


@dataclass(frozen=True)
class EventsForm:
    """The form, as it was typed: 0 to 4 conversion events, the first is primary."""

    events: Sequence[EventFields] = ()

    @classmethod
    def of(cls, campaign: Campaign) -> "EventsForm":
        """The conversion events of a campaign as they are now."""
        return cls([EventFields.of(each) for each in campaign.conversion_events])

    @classmethod
    def posted(cls, fields: Fields) -> "EventsForm":
        """What was typed; raises Problem for what no page of ours sends."""
        number = fields.whole("events")
        if number is None or number > MOST:
            raise malformed()
        return cls([EventFields.posted(fields, place) for place in range(number)])

    # What the buttons of events do

    def with_event(self, kind: str) -> "EventsForm":
        """One conversion event more, where there is room."""
        if len(self.events) >= MOST or kind not in TYPES:
            return self
        return EventsForm([*self.events, EventFields(type=kind)])

    def without(self, place: int) -> "EventsForm":
        """Without a conversion event."""
        return EventsForm([each for number, each in enumerate(self.events) if number != place])

    def moved(self, place: int, by: int) -> "EventsForm":
        """With a conversion event one place earlier or later."""
        if not 0 <= place < len(self.events) or not 0 <= place + by < len(self.events):
            return self
        events = list(self.events)
        events[place], events[place + by] = events[place + by], events[place]
        return EventsForm(events)

    # What is made of it

    def state(self, campaign: Campaign, known: Known) -> dict[str, Any]:
        """The command as plain values."""
        return {
            "id": campaign.campaign_id,
            "conversion_events": [each.state(known) for each in self.events],
        }

    @property
    def declared(self) -> list[str]:
        """The custom events that become known with it."""
        return [each.declared for each in self.events if each.declared]

    def find_faults(self, campaign: Campaign, known: Known) -> Faults:
        """What is wrong in it, as far as the form alone shows."""
        of_form = list(self._find_own_faults())
        named = {each.field for each in of_form}
        found = Faults.of(find_faults(CampaignCommand, self.state(campaign, known)))
        return Faults([*of_form, *(each for each in found if each.field not in named)])

    def _find_own_faults(self) -> Iterator[Fault]:
        for place, each in enumerate(self.events):
            if not each.has_deadline():
                said = "Choose a deadline, or type a whole number of days, hours, minutes or seconds."
                yield Fault(said, field=f"conversion_events-{place}-deadline")
            if each.type == "performs_custom_event" and "name" not in each.state(Known((), (), ())):
                said = "Pick the custom event, or give the name of another one."
                yield Fault(said, field=f"conversion_events-{place}-name")

    def rules(self, campaign: Campaign, known: Known) -> list[str]:
        """The rule of each conversion event as a sentence, or what it lacks."""
        return [self._rule_of(each, campaign, known) for each in self.events]

    def describe(self, campaign: Campaign, known: Known) -> dict[str, str]:
        """What it says, a line a conversion event, so that two forms can be compared."""
        return dict(zip(LETTERS, self.rules(campaign, known), strict=False))

    def _rule_of(self, event: EventFields, campaign: Campaign, known: Known) -> str:
        alone = EventsForm([event])
        if faults := list(alone.find_faults(campaign, known)):
            return faults[0].sentence
        return next(iter(write_rules(read_command(CampaignCommand, alone.state(campaign, known)))))


def write_rules(command: CampaignCommand) -> Iterable[str]:
    """The rules of a command's conversion events as sentences."""
    return [write_rule(each) for each in command.domain_conversion_events() or ()]


def write_rule(event: ConversionEvent) -> str:
    """The rule of a conversion event as a sentence: what the recipient does."""
    return f"The recipient {state_rule(event.stated(), _WRITING)}."


def write_revenue_rule(form: EventsForm, campaign: Campaign, known: Known) -> str:
    """What counts as revenue, by the first conversion event; and what it means to have none."""
    events: Sequence[ConversionEvent] = ()
    if form.events:
        primary = EventsForm(form.events[:1])
        if primary.find_faults(campaign, known):
            return "Revenue counts within the deadline of the first conversion event."
        command = read_command(CampaignCommand, primary.state(campaign, known))
        events = command.domain_conversion_events() or ()
    return write_revenue_rule_of(events)


def write_revenue_rule_of(events: Sequence[ConversionEvent]) -> str:
    """The same for conversion events as they are stored."""
    window = events[0].deadline if events else DEFAULT_REVENUE_WINDOW
    return state_revenue_rule([each.stated() for each in events], int(window.total_seconds()))
