"""What is wrong in a form: each fault has a sentence, a code and the field that it is about."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from domain.errors import DomainError

_BETWEEN = re.compile(r"[\[\].]+")


def field_id(place: str) -> str:
    """The id of a field, by its place in the command: `variants[0].id` is `variants-0-id`."""
    return _BETWEEN.sub("-", place).strip("-")


@dataclass(frozen=True)
class Fault:
    """Something that the rules, or the form itself, do not allow."""

    sentence: str
    code: str = "malformed"
    field: str = ""
    """The id of the field; empty where the fault is of none."""
    link: tuple[str, str] | None = None
    """A label and a path that help."""

    @classmethod
    def of(cls, error: DomainError, link: tuple[str, str] | None = None) -> "Fault":
        """A refusal of the rules as people read it."""
        sentence = error.message[:1].upper() + error.message[1:]
        return cls(
            sentence if sentence.endswith((".", "?", "!")) else f"{sentence}.",
            error.code,
            field_id(error.place),
            link,
        )


@dataclass(frozen=True)
class Faults:
    """All that is wrong in a form."""

    found: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, errors: Iterable[DomainError]) -> "Faults":
        """Refusals of the rules, each field's first one."""
        return cls(list(_once(map(Fault.of, errors))))

    def __bool__(self) -> bool:
        return bool(self.found)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.found)

    def at(self, field_id: str) -> Fault | None:
        """What is wrong with a field, if anything."""
        return self._by_field.get(field_id)

    @cached_property
    def _by_field(self) -> dict[str, Fault]:
        return {each.field: each for each in reversed(self.found)}


def _once(faults: Iterable[Fault]) -> Iterator[Fault]:
    seen: set[str] = set()
    for each in faults:
        if not each.field or each.field not in seen:
            seen.add(each.field)
            yield each
