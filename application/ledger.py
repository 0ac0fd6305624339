"""Ledger: the application object of `eventsourcing`, over the aggregates of the domain."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from eventsourcing.application import AggregateNotFoundError, Application, Repository
from eventsourcing.persistence import InfrastructureFactory, Mapper
from eventsourcing.utils import Environment, EnvType

from domain import app_group as groups
from domain.aggregate import Aggregate, Recorded
from domain.app_group import AppGroup, AppGroupMade
from domain.campaigns import campaign as campaigns
from domain.campaigns.campaign import Campaign
from domain.campaigns.events import CampaignDrafted
from domain.errors import DomainError

A = TypeVar("A", bound=Aggregate[Any])


class UnknownAppGroup(DomainError):
    """There is no such app group."""

    code = "unknown_app_group"


class UnknownCampaign(DomainError):
    """The app group has no such campaign (R16)."""

    code = "unknown_campaign"


class Aggregates:
    """Loads app groups and campaigns through the library's repository."""

    def __init__(self, repository: Repository[str]) -> None:
        self._reader = repository

    def app_group(self, app_group: str) -> AppGroup:
        """The app group as it is now; at version 0 if it does not exist."""
        return self._find(groups.stream_id(app_group), _replay_group) or AppGroup(app_group)

    def existing_app_group(self, app_group: str) -> AppGroup:
        """The app group as it is now; raises UnknownAppGroup."""
        group = self.app_group(app_group)
        if not group.version:
            raise UnknownAppGroup(f"there is no app group {app_group!r}", place="app_group")
        return group

    def campaign(self, app_group: str, campaign_id: str) -> Campaign:
        """The campaign as it is now; at version 0 if it does not exist."""
        return self._find(campaigns.stream_id(app_group, campaign_id), _replay_campaign) or Campaign(
            app_group, campaign_id
        )

    def existing_campaign(self, app_group: str, campaign_id: str) -> Campaign:
        """The campaign as it is now; raises UnknownCampaign."""
        campaign = self.campaign(app_group, campaign_id)
        if not campaign.version:
            raise UnknownCampaign(f"there is no campaign {campaign_id!r}", place="campaign_id")
        return campaign

    def _find(self, stream_id: str, replay: Callable[..., A | None]) -> A | None:
        try:
            return cast(A, self._reader.get(stream_id, projector_func=cast(Any, replay)))
        except AggregateNotFoundError:
            return None


class Ledger(Aggregates, Application[str]):
    """The library's application: aggregates as they are now, read through its repository, mapper and recorder."""

    name = "ledger"

    def __init__(self, factory: InfrastructureFactory[Any], mapper: Mapper[str]) -> None:
        self._given_factory = factory
        self._given_mapper = mapper
        Application.__init__(self)
        Aggregates.__init__(self, self.repository)

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """Settings come through the composition root alone: the library would lay them over `os.environ`."""
        return Environment(name, dict(env or {}))

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """The factory that the composition root chose."""
        return self._given_factory

    def construct_mapper(self) -> Mapper[str]:
        """The mapper of short topics and JSON payloads."""
        return self._given_mapper


def _replaying(
    first: type[Any], make: Callable[[Any], A]
) -> Callable[[A | None, Iterable[Recorded[Any]]], A | None]:
    """What the repository replays a stream with: the first event tells which aggregate it is of."""

    def replay(aggregate: A | None, events: Iterable[Recorded[Any]]) -> A | None:
        for recorded in events:
            if isinstance(recorded.event, first):
                aggregate = make(recorded.event)
            if aggregate is not None:
                aggregate.replay([recorded])
        return aggregate

    return replay


_replay_group = _replaying(AppGroupMade, lambda made: AppGroup(made.app_group))
_replay_campaign = _replaying(
    CampaignDrafted, lambda drafted: Campaign(drafted.app_group, drafted.campaign_id)
)
