"""Facts that an earlier version recorded, and that this version reads differently or would refuse (R13).

An earlier version split orders into purchases, and accepted ids and versions that are refused now. A message that it
recorded stays a duplicate, and its id stays taken; only new messages are read by today's rules. App groups that this
version made have no such facts, so nothing is looked up for them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, select, tuple_

from application.commands.facts import FactCommand, PurchaseCommand, read_fact
from application.commands.intake import DUPLICATE, Answer, Verdict
from application.commands.values import Notes
from application.ledger import Ledger, UnknownAppGroup
from domain.errors import ConflictingFact, FactRefused
from domain.facts import AnyFact, Order, Purchase
from domain.journey.rules.earlier_orders import order_ids, purchases_of, purchases_prefix
from infrastructure.database import Database
from infrastructure.database.schema import events, identities, journey_facts
from infrastructure.event_store.codec import decode

Named = tuple[str, str]
"""A fact by its user and id."""

_PAGE = 500

_KEPT_ASIDE = frozenset({"user_id", "type", "properties", "reason"})
"""Fields of a command that cannot be compared with the recorded fact: those are sealed, or no part of it."""


class Sent(Protocol):
    """A fact as it was sent and as it is read."""

    @property
    def raw(self) -> Any:  # noqa: ANN401
        """The plain values that were sent."""

    @property
    def fact(self) -> FactCommand | FactRefused:
        """What today's rules make of it."""

    @property
    def earlier(self) -> Callable[[], list[FactCommand]] | None:
        """Reads it as the earlier version did; None if that is not special to the interface."""


class Earlier:
    """Answers for facts that an earlier version recorded."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger
        self._groups: dict[str, bool] = {}

    def has_group(self, app_group: str) -> bool:
        """Whether an earlier version may have recorded facts of the app group."""
        # A migration records it before this version takes anything, and it never changes.
        if app_group not in self._groups:
            try:
                group = self._ledger.existing_app_group(app_group)
            except UnknownAppGroup:
                return False
            self._groups[app_group] = group.is_of_earlier_version
        return self._groups[app_group]

    def is_new(self, app_group: str) -> bool:
        """Whether memory alone tells that an earlier version recorded nothing of the app group."""
        return not self._groups.get(app_group, True)

    def find_answers(self, app_group: str, sent: Sequence[Sent]) -> dict[int, Answer]:
        """By place the answers to the facts that are recorded already; the others are to be taken."""
        if not self.has_group(app_group):
            return {}
        read = {place: found for place, each in enumerate(sent) if (found := _read_then(each))}
        named = {(fact.user_id, fact.id) for found in read.values() for fact in found}
        recorded = self._read_recorded(app_group, sorted(named)) if named else {}
        answers = {
            place: _answer(sent[place].fact, found, recorded, self._others(app_group, found, recorded))
            for place, found in read.items()
        }
        return {place: answer for place, answer in answers.items() if answer is not None}

    def find_parts_of_orders(self, app_group: str, sent: Sequence[Sent]) -> dict[int, Answer]:
        """By place the answers to purchases that an earlier version made of orders which are recorded now."""
        if not self.has_group(app_group):
            return {}
        orders_of = {
            place: [
                (each.fact.user_id, order_id) for order_id in order_ids(each.fact.id, each.fact.product_id)
            ]
            for place, each in enumerate(sent)
            if isinstance(each.fact, PurchaseCommand)
        }
        recorded = self._read_recorded(
            app_group, sorted({name for names in orders_of.values() for name in names})
        )
        known = {name for name, fact in recorded.items() if isinstance(fact, Order)}
        return {place: DUPLICATE for place, names in orders_of.items() if known.intersection(names)}

    def _others(
        self, app_group: str, read: list[FactCommand], recorded: dict[Named, AnyFact]
    ) -> list[AnyFact]:
        """Purchases that are recorded of the same order, and that the message does not contain."""
        parts = [each for each in read if isinstance(each, PurchaseCommand)]
        if not any((each.user_id, each.id) in recorded for each in parts):
            return []
        of = {order_id for each in parts for order_id in order_ids(each.id, each.product_id)}
        with self._database.reading() as connection:
            found = [each for order_id in of for each in _of_order(connection, app_group, parts[0], order_id)]
        own = {each.id for each in parts}
        return [each for each in found if each.id not in own]

    def _read_recorded(self, app_group: str, named: Sequence[Named]) -> dict[Named, AnyFact]:
        pages = [named[start : start + _PAGE] for start in range(0, len(named), _PAGE)]
        with self._database.reading() as connection:
            return dict(each for page in pages for each in _page(connection, app_group, page))


def read_leniently(raw: object) -> list[FactCommand]:
    """The fact by the rules of an earlier version; none if those refuse it."""
    try:
        return [read_fact(raw, Notes(lenient=True))]
    except FactRefused:
        return []


def merge_answers(sent: Sequence[Sent], known: dict[int, Answer], recorded: Iterable[Answer]) -> list[Answer]:
    """The answers in the order of the facts: found beforehand, refused when they were read, or given by the intake."""
    rest = iter(recorded)
    answers = []
    for place, each in enumerate(sent):
        if (answer := known.get(place)) is None:
            answer = _refuse(each.fact) if isinstance(each.fact, FactRefused) else next(rest)
        answers.append(answer)
    return answers


def _refuse(refusal: FactRefused) -> Answer:
    return Answer(Verdict.REJECTED, refusal.code, refusal.message)


def select_new(sent: Sequence[Sent], known: dict[int, Answer]) -> list[FactCommand]:
    """The facts that are still to be recorded."""
    return [
        each.fact
        for place, each in enumerate(sent)
        if place not in known and isinstance(each.fact, FactCommand)
    ]


def _read_then(sent: Sent) -> list[FactCommand]:
    """What an earlier version made of it, if that is something else."""
    if sent.earlier is not None:
        found = sent.earlier()
        return [] if found == [sent.fact] else found
    return read_leniently(sent.raw) if isinstance(sent.fact, FactRefused) and sent.raw is not None else []


def _answer(
    now: FactCommand | FactRefused,
    read: list[FactCommand],
    recorded: dict[Named, AnyFact],
    others: Sequence[AnyFact],
) -> Answer | None:
    """The answer by what is recorded; None if today's rules have to judge the fact, or refuse it.

    `read` lacks the parts of a message that were refused then. If one of its other parts is not recorded, or something
    else is recorded of the same order, then it is another message under the same id.
    """
    found = [(fact, recorded.get((fact.user_id, fact.id))) for fact in read]
    if all(then is None for _, then in found):
        return None
    other = next((fact for fact, then in found if then is None or not _is_same(fact, then)), None)
    if other is None and not others:
        return DUPLICATE
    other = other or read[0]
    if isinstance(now, FactRefused) or (now.user_id, now.id) == (other.user_id, other.id):
        return None
    message = f"an earlier version recorded a fact of other content as {other.id!r}"
    return Answer(Verdict.REJECTED, ConflictingFact.code, message)


def _is_same(fact: FactCommand, recorded: AnyFact) -> bool:
    """Whether a recorded fact says the same, as far as it can be compared; defaults of ours do not count (R13)."""
    stated = {name: getattr(fact, name) for name in type(fact).model_fields}
    if stated["type"] != recorded.__struct_config__.tag:
        return False
    if "version" in stated:
        stated["app_version"] = stated.pop("version")
    return all(
        getattr(recorded, name) == value
        for name, value in stated.items()
        if name not in _KEPT_ASIDE
        and name not in fact.defaults
        and not (name == "variant_id" and value is None)
    )


def _of_order(connection: Connection, app_group: str, part: PurchaseCommand, order_id: str) -> list[Purchase]:
    """The purchases of a user that an earlier version made of an order."""
    prefix = purchases_prefix(order_id)
    is_part = (journey_facts.c.fact_id >= prefix) & (journey_facts.c.fact_id < prefix[:-1] + ";")
    whose = (identities.c.app_group == app_group) & (identities.c.user_id == part.user_id)
    return purchases_of(order_id, (fact for _, fact in _facts(connection, whose & is_part)))


def _page(connection: Connection, app_group: str, named: Sequence[Named]) -> list[tuple[Named, AnyFact]]:
    is_named = tuple_(identities.c.user_id, journey_facts.c.fact_id).in_(named)
    return _facts(connection, (identities.c.app_group == app_group) & is_named)


def _facts(connection: Connection, wanted: ColumnElement[bool]) -> list[tuple[Named, AnyFact]]:
    fact, event = journey_facts.c, events.c
    query = (
        select(identities.c.user_id, fact.fact_id, event.topic, event.state)
        .join_from(identities, journey_facts, identities.c.journey_id == fact.journey_id)
        .join(events, (event.originator_id == fact.journey_id) & (event.originator_version == fact.version))
        .where(wanted)
    )
    return [((row.user_id, row.fact_id), decode(row.topic, row.state)) for row in connection.execute(query)]
