"""Stored events stay readable: a golden file per event class, written once and never changed."""

import json

import msgspec
import pytest

from infrastructure.event_store.codec import TOPICS, UnreadableEvent, decode, encode
from tests.golden.make import EXAMPLES, path


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: TOPICS[type(event)])
def test_a_stored_event_is_read_as_it_was_meant(event: msgspec.Struct) -> None:
    """The golden payload decodes to the same event, and that encodes to the same payload."""
    topic = TOPICS[type(event)]
    stored = path(topic).read_text()
    assert decode(topic, stored) == event
    assert json.loads(encode(event)) == json.loads(stored)


def test_every_topic_has_one_golden_file() -> None:
    """No event class is left out, and no file is left behind."""
    assert {TOPICS[type(event)] for event in EXAMPLES} == set(TOPICS.values())
    assert len(set(TOPICS.values())) == len(TOPICS)
    assert {file.stem for file in path("any").parent.glob("*.json")} == set(TOPICS.values())


def test_an_event_of_a_newer_version_is_not_skipped() -> None:
    """An unknown topic, and a payload with fields unknown here, are said to be unreadable."""
    with pytest.raises(UnreadableEvent, match="newer version"):
        decode("journey.teleported", "{}")
    with pytest.raises(UnreadableEvent, match="unknown field"):
        decode("app_group.made", '{"app_group":"shop","time_zone":"UTC","moon":1}')
