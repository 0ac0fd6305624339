"""The first step of the wizard: what a campaign is called, where it goes out, and its variants with their weights."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any

from application.commands.definitions import CampaignCommand, find_faults
from domain.campaigns.campaign import Campaign
from infrastructure.http.problems import Problem
from infrastructure.web.faults import Fault, Faults
from infrastructure.web.posted import Fields, malformed

KINDS = {
    "campaign": "one message, perhaps in several variants",
    "canvas": "a journey of messages, perhaps in several variants",
}
CHANNELS = ("email", "push", "in_app", "sms", "webhook", "content_card", "api")
MOST_ROWS = 100
"""The variants that a form holds: a page with more of them would be slow, and nobody would fill it in."""
_LONGEST_ID = 255
_NO_CONTROL = "none"


@dataclass(frozen=True)
class VariantFields:
    """A row of the form, as it was typed."""

    id: str = ""
    name: str = ""
    weight: str = ""


@dataclass(frozen=True)
class CreateForm:
    """The form, as it was typed. `control` is the number of the row that is the control group, if any is."""

    id: str = ""
    name: str = ""
    kind: str = "campaign"
    channel: str = ""
    variants: Sequence[VariantFields] = ()
    control: int | None = None
    cloned: str = ""
    """The id of the campaign that conversion events are taken from; empty where there is none."""
    is_control_known: bool = True
    """Whether the control group that was chosen is a row, or none."""

    @classmethod
    def blank(cls) -> "CreateForm":
        """Two variants that share the users equally."""
        return cls(variants=[VariantFields("A", "", "50"), VariantFields("B", "", "50")])

    @classmethod
    def of(cls, campaign: Campaign) -> "CreateForm":
        """A campaign as it is now."""
        controls = [place for place, each in enumerate(campaign.variants) if each.control]
        return cls(
            campaign.campaign_id,
            campaign.name,
            campaign.kind.value,
            campaign.channel or "",
            [
                VariantFields(each.id, each.name or "", str(campaign.weights[each.id]))
                for each in campaign.variants
            ],
            next(iter(controls), None),
        )

    @classmethod
    def clone_of(cls, campaign: Campaign, taken: Iterable[str]) -> "CreateForm":
        """A campaign like another one, with an id that is free; raises Problem for more variants than a form holds."""
        check_rows(len(campaign.variants))
        return replace(
            cls.of(campaign),
            id=_find_free(campaign.campaign_id, set(taken)),
            name=f"{campaign.name[: _LONGEST_ID - 7]} (copy)",
            cloned=campaign.campaign_id,
        )

    @classmethod
    def posted(cls, fields: Fields) -> "CreateForm":
        """What was typed; raises Problem for what no page of ours sends."""
        columns = [fields.every(f"variant_{name}") for name in ("id", "name", "weight")]
        if len({len(each) for each in columns}) != 1:
            raise malformed()
        check_rows(len(columns[0]))
        rows = [VariantFields(*each) for each in zip(*columns, strict=True)]
        chosen, row = fields.one("control"), fields.whole("control")
        control = row if row is not None and row < len(rows) else None
        return cls(
            fields.one("id"),
            fields.one("name"),
            fields.one("kind") or "campaign",
            fields.one("channel"),
            rows,
            control,
            next(iter(fields.values.get("cloned", [])), ""),
            control is not None or chosen in {"", _NO_CONTROL},
        )

    # What the buttons of rows do

    @property
    def has_room(self) -> bool:
        """Whether the form holds one row more."""
        return len(self.variants) < MOST_ROWS

    def with_variant(self) -> "CreateForm":
        """One row more, where there is room, with the next letter for its id."""
        if not self.has_room:
            return self
        return replace(self, variants=[*self.variants, VariantFields(self._next_letter(), "", "")])

    def with_control(self) -> "CreateForm":
        """One row more, where there is room, for the control group."""
        if not self.has_room:
            return self
        named = "control" if "control" not in self._ids() else ""
        return replace(
            self, variants=[*self.variants, VariantFields(named, "", "10")], control=len(self.variants)
        )

    def without(self, row: int) -> "CreateForm":
        """Without a row."""
        rows = [each for place, each in enumerate(self.variants) if place != row]
        control = self.control
        if control is not None and row <= control:
            control = None if row == control else control - 1
        return replace(self, variants=rows, control=control)

    def _next_letter(self) -> str:
        letters, taken = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", self._ids()
        return next((each for each in letters if each not in taken), "")

    def _ids(self) -> set[str]:
        return {each.id for each in self.variants}

    # What is made of it

    def state(self, known: Campaign | None = None) -> dict[str, Any]:
        """The command as plain values; what a browser cannot show as it is keeps its own value.

        A text field has no line breaks, and the form takes white space away from both ends.
        """
        id_ = self.id if known is None else known.campaign_id
        name = self.name if known is None else restore(self.name, [known.name])
        channel = self.channel if known is None else restore(self.channel, [known.channel or ""])
        former = _Former(known)
        variants = [self._state_variant(place, each, former) for place, each in enumerate(self.variants)]
        if known is not None and {each.get("id"): each["weight"] for each in variants} == known.weights:
            # Weights in force are not stated again: intelligent selection may have set them.
            variants = [
                {field: value for field, value in each.items() if field != "weight"} for each in variants
            ]
        stated = {"id": id_, "name": name, "channel": channel, "variants": variants}
        if known is None:
            stated["kind"] = self.kind
        return {field: value for field, value in stated.items() if value or field == "variants"}

    def _state_variant(self, place: int, row: VariantFields, former: "_Former") -> dict[str, Any]:
        id_ = former.ids.restore(row.id)
        stated: dict[str, Any] = {"id": id_, "name": restore(row.name, former.names_of(id_))}
        return {
            **{field: value for field, value in stated.items() if value},
            "control": place == self.control,
            "weight": self._weight(row),
        }

    def _weight(self, row: VariantFields) -> object:
        """A number where it is one; equal weights where none is given at all."""
        if not self._has_weights:
            return 1
        is_number = row.weight.isascii() and row.weight.isdigit() and len(row.weight) <= 10
        return int(row.weight) if is_number else row.weight

    @cached_property
    def _has_weights(self) -> bool:
        return any(each.weight for each in self.variants)

    def can_select(self, floor: float) -> bool:
        """Whether weights may follow conversions while each variant keeps this share (R5)."""
        chosen_from = len(self.variants) - (self.control is not None)
        return chosen_from > 1 and floor * chosen_from < 1

    def find_faults(self, known: Campaign | None = None) -> Faults:
        """What is wrong in it, as far as the form alone shows."""
        stated = self.state(known)
        faults = Faults.of(find_faults(CampaignCommand, stated))
        of_form = [
            *self._find_no_variant(),
            *self._find_no_such_control(),
            *self._find_repeated(),
            *self._find_bad_weights(),
            *self._find_taken_away(known),
        ]
        named = {each.field for each in of_form}
        # The form's own sentences say more than those of types.
        return Faults([*of_form, *(each for each in faults if each.field not in named)])

    def _find_no_variant(self) -> Iterable[Fault]:
        if not self.variants:
            yield Fault(
                "A campaign has at least one variant that is not the control group.", field="variants"
            )

    def _find_no_such_control(self) -> Iterable[Fault]:
        if not self.is_control_known:
            said = "The control group is one of the variants, or there is none: choose again."
            yield Fault(said, "bad_definition", "control")

    def _find_repeated(self) -> Iterable[Fault]:
        seen: set[str] = set()
        for place, each in enumerate(self.variants):
            if each.id and each.id in seen:
                said = "Another variant has this id. Ids differ from one another."
                yield Fault(said, "bad_definition", f"variants-{place}-id")
            seen.add(each.id)

    def _find_bad_weights(self) -> Iterable[Fault]:
        for place, each in enumerate(self.variants):
            if not isinstance(self._weight(each), int):
                said = "Give every variant a weight, or none: a whole number of 0 or more."
                yield Fault(said, field=f"variants-{place}-weight")

    def _find_taken_away(self, known: Campaign | None) -> Iterable[Fault]:
        """Names and the channel can be changed, and never taken away."""
        if known is None:
            return
        if not self.name and known.name:
            yield Fault("A campaign has a name: change it, or leave it as it was.", field="name")
        if not self.channel and known.channel:
            yield Fault("A channel can be changed, and not taken away.", field="channel")
        former = _Former(known)
        for place, row in enumerate(self.variants):
            if not row.name and any(former.names_of(former.ids.restore(row.id))):
                said = "The name of a variant can be changed, and not taken away."
                yield Fault(said, field=f"variants-{place}-name")

    def shares(self) -> list[dict[str, Any]]:
        """The variants as the bar of weights draws them; a weight that is no number is 0."""
        weights = [self._weight(each) for each in self.variants]
        return [
            {
                "id": row.id or f"variant {place + 1}",
                "weight": weight if isinstance(weight, int) else 0,
                "control": place == self.control,
            }
            for place, (row, weight) in enumerate(zip(self.variants, weights, strict=True))
        ]

    def describe(self) -> dict[str, str]:
        """What it says, a line a label, so that two forms can be compared."""
        said = {"Name": self.name, "Channel": self.channel}
        for place, each in enumerate(self.variants):
            words = [each.name, f"weight {each.weight or 'equal'}", "control group" * (place == self.control)]
            said[f"Variant {each.id}"] = ", ".join(filter(None, words))
        return said


def check_rows(number: int) -> None:
    """Check that a form holds so many variants; raises Problem."""
    if number > MOST_ROWS:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "too_many_variants",
            f"these are {number:,} variants, and a form holds {MOST_ROWS}; write the campaign in a file, and use "
            "`conversions campaigns apply FILE`",
        )


@dataclass(frozen=True)
class Difference:
    """What the ledger has and what was typed, where these are not the same; empty for what is not there."""

    label: str
    stored: str
    typed: str


@dataclass(frozen=True)
class Changed:
    """Something that somebody did to a campaign, in words."""

    sentence: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class Meanwhile:
    """What somebody else changed while a form was open."""

    changes: Sequence[Changed]
    differences: Sequence[Difference]


def compare(stored: dict[str, str], typed: dict[str, str]) -> list[Difference]:
    """Where two forms differ."""
    labels = [*stored, *(label for label in typed if label not in stored)]
    pairs = ((label, stored.get(label, ""), typed.get(label, "")) for label in labels)
    return [Difference(*each) for each in pairs if squeeze(each[1]) != squeeze(each[2])]


class Alike:
    """Texts that are known, found by how they look in a text field."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = list(known)
        self._exact = set(self._known)

    @cached_property
    def _squeezed(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for each in self._known:
            found.setdefault(squeeze(each), []).append(each)
        return found

    def restore(self, typed: str) -> str:
        """What was known and looks so in a text field; else what was typed."""
        if typed in self._exact:
            return typed
        alike = self._squeezed.get(squeeze(typed), [])
        return alike[0] if len(alike) == 1 else typed


class _Former:
    """The variants that a campaign has already; none where there is no campaign."""

    def __init__(self, known: Campaign | None) -> None:
        self._names = {} if known is None else {each.id: each.name or "" for each in known.variants}
        self.ids = Alike(self._names)

    def names_of(self, variant_id: str) -> list[str]:
        """The name of a variant, empty if it has none; nothing where there is no such variant."""
        return [self._names[variant_id]] if variant_id in self._names else []


def restore(typed: str, known: Iterable[str]) -> str:
    """What was known and looks so in a text field; else what was typed."""
    return Alike(known).restore(typed)


def squeeze(text: str) -> str:
    """A text as a browser's text field and the form leave it."""
    return text.replace("\r", "").replace("\n", "").strip()


def _find_free(campaign_id: str, taken: set[str]) -> str:
    number = 2
    while True:
        ending = f"-{number}"
        free = campaign_id[: _LONGEST_ID - len(ending)] + ending
        if free not in taken:
            return free
        number += 1
