"""Sessions and links in the ledger: what is stored of them, how long they last, and what ends them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import select

from application.commands.definitions import read_campaigns
from domain.instants import microseconds
from infrastructure.access import keys, login_links, sessions
from infrastructure.access.keys import Key, Scope
from infrastructure.access.login_links import LoginLink
from infrastructure.access.operator import stamp
from infrastructure.access.sessions import Lifetimes, Session
from infrastructure.composition import Service
from infrastructure.database.schema import login_links as links_table
from infrastructure.database.schema import sessions as sessions_table
from tests.support.ledgers import GROUP, NOW, open_ledger
from tests.support.strategies import APP_GROUP

pytestmark = pytest.mark.usefixtures("each_database")

SECOND = 1_000_000
MINUTE = 60 * SECOND
AT = microseconds(NOW)
LIFETIMES = Lifetimes(idle=10 * MINUTE, absolute=60 * MINUTE)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An empty ledger."""
    with open_ledger(tmp_path) as service:
        yield service


def make_key(service: Service, *scopes: Scope, expires_at: int | None = None) -> Key:
    """A new key, which may read if nothing else is said."""
    with service.database.writing() as connection:
        return keys.create(connection, GROUP, scopes or [Scope.READ], AT, expires_at=expires_at)[0]


def begin(service: Service, key: Key | None, at: int = AT) -> bytes:
    """The hash of a new session."""
    with service.database.writing() as connection:
        token = sessions.begin(connection, None if key is None else key.key_id, at, LIFETIMES)
    return sessions.hash_of(token)


def find(service: Service, hashed: bytes, at: int = AT) -> Session | None:
    """The session, if it is valid then."""
    with service.database.reading() as connection:
        return sessions.find_valid(connection, hashed, at, LIFETIMES)


def touch(service: Service, hashed: bytes, at: int) -> None:
    """Use a session."""
    with service.database.writing() as connection:
        sessions.touch(connection, hashed, at)


def make_link(service: Service, key: Key | None, at: int = AT) -> str:
    """A new link."""
    with service.database.writing() as connection:
        return login_links.make(connection, None if key is None else key.key_id, at)


def use_link(service: Service, token: str, at: int = AT) -> LoginLink | None:
    """What using a link gives."""
    with service.database.writing() as connection:
        return login_links.use(connection, token, at)


def test_a_session_is_of_its_key_and_only_hashes_are_stored(service: Service) -> None:
    """A token has 256 random bits, and neither it nor a part of it is in the database."""
    key = make_key(service)
    with service.database.writing() as connection:
        tokens = [sessions.begin(connection, key.key_id, AT, LIFETIMES) for _ in range(3)]
    link = make_link(service, key)
    assert len({*tokens, link}) == 4
    assert all(len(token) == 43 for token in (*tokens, link))
    for token in tokens:
        assert find(service, sessions.hash_of(token)) == Session(sessions.hash_of(token), key, AT, AT)
    with service.database.reading() as connection:
        stored = [connection.execute(select(each)).all() for each in (sessions_table, links_table)]
    assert not any(token[:8] in str(stored) for token in (*tokens, link))


def test_a_session_that_is_not_used_ends(service: Service) -> None:
    """Exactly when the time is over; each use begins it again."""
    hashed = begin(service, make_key(service))
    assert find(service, hashed, AT + LIFETIMES.idle - 1) is not None
    assert find(service, hashed, AT + LIFETIMES.idle) is None
    touch(service, hashed, AT + LIFETIMES.idle - 1)
    assert find(service, hashed, AT + 2 * LIFETIMES.idle - 2) is not None
    assert find(service, hashed, AT + 2 * LIFETIMES.idle - 1) is None


def test_a_session_that_is_used_all_the_time_ends_too(service: Service) -> None:
    """The absolute time holds whatever happens."""
    hashed = begin(service, make_key(service))
    for minute in range(5, 60, 5):
        touch(service, hashed, AT + minute * MINUTE)
    assert find(service, hashed, AT + LIFETIMES.absolute - 1) is not None
    assert find(service, hashed, AT + LIFETIMES.absolute) is None


def test_the_last_use_is_noted_at_most_once_a_minute(service: Service) -> None:
    """What is used more often is not written more often."""
    hashed = begin(service, make_key(service))
    noted = []
    for seconds in (1, 59, 60, 61, 119, 120):
        touch(service, hashed, AT + seconds * SECOND)
        found = find(service, hashed, AT + seconds * SECOND)
        assert found is not None
        noted.append((found.used_at - AT) // SECOND)
    assert noted == [0, 0, 60, 60, 60, 120]


def test_a_session_ends_with_its_key(service: Service) -> None:
    """Revoked or expired; sessions of other keys go on."""
    revoked, expiring, other = make_key(service), make_key(service, expires_at=AT + MINUTE), make_key(service)
    hashed = [begin(service, key) for key in (revoked, expiring, other)]
    with service.database.writing() as connection:
        keys.revoke(connection, revoked.key_id, AT + SECOND)
    assert [find(service, each, AT + 2 * SECOND) is not None for each in hashed] == [False, True, True]
    assert [find(service, each, AT + MINUTE) is not None for each in hashed] == [False, False, True]


@pytest.mark.parametrize("scopes", [[Scope.INGEST], [Scope.READ], [Scope.MANAGE], list(Scope)])
def test_a_key_that_only_sends_facts_has_no_session(service: Service, scopes: list[Scope]) -> None:
    """Even if somebody began one for it."""
    hashed = begin(service, make_key(service, *scopes))
    assert (find(service, hashed) is not None) == (scopes != [Scope.INGEST])


def test_a_session_that_was_ended_is_gone(service: Service) -> None:
    """And no other with it."""
    key = make_key(service)
    ended, other = begin(service, key), begin(service, key)
    with service.database.writing() as connection:
        sessions.end(connection, ended)
    assert find(service, ended) is None
    assert find(service, other) is not None


def test_what_has_expired_is_removed_when_the_next_session_begins(service: Service) -> None:
    """And a key has no more than a hundred sessions: the oldest are ended first."""
    key, other = make_key(service), make_key(service)
    begin(service, key)
    begin(service, key, AT + LIFETIMES.idle)
    many = [begin(service, other, AT + LIFETIMES.idle + number) for number in range(101)]
    with service.database.reading() as connection:
        assert len(connection.execute(select(sessions_table)).all()) == 101
    at = AT + LIFETIMES.idle + 200
    assert [find(service, each, at) is not None for each in many] == [False] + [True] * 100


def test_the_first_session_ends_when_there_is_an_app_group(service: Service) -> None:
    """Unless it was given the key of that group before."""
    adopting, late = begin(service, None), begin(service, None)
    found = find(service, adopting)
    assert found is not None
    assert found.key is None
    key, other = make_key(service, Scope.MANAGE), make_key(service)
    with service.database.writing() as connection:
        assert sessions.is_empty(connection)
        assert sessions.adopt(connection, adopting, key.key_id)
        assert not sessions.adopt(connection, adopting, other.key_id), "it has a key already"
    service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": []}), stamp())
    with service.database.reading() as connection:
        assert not sessions.is_empty(connection)
    assert find(service, late) is None
    found = find(service, adopting)
    assert found is not None
    assert found.key == key


def test_a_link_is_used_once(service: Service) -> None:
    """Within fifteen minutes; trying it too late uses it up as well."""
    key = make_key(service)
    token, late = make_link(service, key), make_link(service, key)
    assert use_link(service, "nonsense") is None
    assert use_link(service, token, AT + 15 * MINUTE - 1) == LoginLink(key.key_id)
    assert use_link(service, token) is None
    assert use_link(service, late, AT + 15 * MINUTE) is None
    assert use_link(service, late) is None


def test_of_many_who_use_a_link_at_the_same_time_one_succeeds(service: Service) -> None:
    """Whichever comes first."""
    token, together = make_link(service, make_key(service)), Barrier(8)

    def use(_number: int) -> bool:
        together.wait()
        return use_link(service, token) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(8))) == 1


def test_a_new_first_link_ends_the_one_before(service: Service) -> None:
    """Links of keys stay; those whose time is over are removed."""
    key = make_key(service)
    of_key, first, second = make_link(service, key), make_link(service, None), make_link(service, None)
    assert use_link(service, first) is None
    assert use_link(service, second) == LoginLink(None)
    make_link(service, None, AT + 15 * MINUTE)
    with service.database.reading() as connection:
        assert len(connection.execute(select(links_table)).all()) == 1
    assert use_link(service, of_key) is None


def test_an_invitation_is_a_link_for_a_key_that_nobody_sees(service: Service) -> None:
    """The key may read and manage one app group, until it expires."""
    with service.database.writing() as connection:
        token = login_links.invite(connection, GROUP, AT, lasting=MINUTE)
    used = use_link(service, token)
    with service.database.reading() as connection:
        (key,) = keys.list_all(connection)
    assert used == LoginLink(key.key_id)
    assert (key.app_group, sorted(key.scopes)) == (GROUP, [Scope.MANAGE, Scope.READ])
    assert [key.state(at) for at in (AT, AT + MINUTE)] == ["valid", "expired"]
