"""What is wrong with a value, in plain English: no sentence of a library reaches whoever wrote the value."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from application.commands.definitions import ApplyCampaigns, find_faults
from application.type_faults import describe_fault

CAMPAIGN: dict[str, Any] = {"id": "sale", "variants": [{"id": "A", "weight": 1}]}


class _Sizes(BaseModel):
    """Values with bounds that no command has yet."""

    model_config = ConfigDict(extra="forbid")

    share: Annotated[float, Field(gt=0, le=1)] = 1
    names: Annotated[list[str], Field(max_length=1)] = []
    code: Annotated[str, StringConstraints(min_length=3)] = "abc"
    how: Literal["once", "daily"] = "once"


@pytest.mark.parametrize(
    ("stated", "place", "said"),
    [
        ({"id": ""}, "id", "this is empty"),
        ({"id": "i" * 256}, "id", "this has at most 255 characters"),
        ({"id": "a\0"}, "id", "this has a character that is not allowed here"),
        ({"kind": "poster"}, "kind", "this is 'campaign' or 'canvas'"),
        ({"variants": []}, "variants", "this list has 1 item or more"),
        ({"variants": "A"}, "variants", "this is a list"),
        (
            {"variants": [{"id": "A", "weight": "much"}]},
            "variants[0].weight",
            "this is a whole number, such as 50",
        ),
        ({"variants": [{"id": "A", "weight": -1}]}, "variants[0].weight", "this is 0 or more"),
        (
            {"variants": [{"id": "A", "weight": 2**31}]},
            "variants[0].weight",
            "this is less than 2,147,483,648",
        ),
        ({"variants": [{"id": "A", "control": "yes"}]}, "variants[0].control", "this is true or false"),
    ],
)
def test_a_command_is_refused_in_plain_words_at_its_place(
    stated: dict[str, Any], place: str, said: str
) -> None:
    """Every form and file is read by the same words."""
    (fault,) = find_faults(ApplyCampaigns, {"app_group": "shop", "campaigns": [CAMPAIGN | stated]})
    assert (fault.place, fault.message) == (f"campaigns[0].{place}", said)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"share": 0}, "this is more than 0.0"),
        ({"share": 2}, "this is 1.0 or less"),
        ({"share": "x"}, "this is a number, such as 0.5"),
        ({"names": ["a", "b"]}, "this list has at most 1 item"),
        ({"code": "a"}, "this has 3 characters or more"),
        ({"how": "never"}, "this is 'once' or 'daily'"),
        ({"what": 1}, "no such field is known here"),
    ],
)
def test_bounds_are_named(stated: dict[str, Any], said: str) -> None:
    """A reader learns what is allowed."""
    with pytest.raises(ValidationError) as refused:
        _Sizes.model_validate(stated)
    assert [describe_fault(each) for each in refused.value.errors()] == [said]
