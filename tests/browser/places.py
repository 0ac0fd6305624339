"""Every page of the dashboard, by name: what is checked of all pages is checked of these."""

from typing import NamedTuple

from infrastructure.web.links import campaign_path, user_path, with_query
from tests.browser.world import DEMO, DRAFT, EMPTY, HOSTILES, NOBODY, STRANGERS, UNRECEIVED
from tests.infrastructure.web.shops import HOSTILE


class Place(NamedTuple):
    """A page: who looks at it, its path, and how it is answered."""

    app_group: str | None
    path: str
    status: int = 200


_SALE = "spring-sale"

PLACES = {
    "login": Place(None, "/login"),
    "campaigns": Place(DEMO, "/"),
    "campaigns-found": Place(DEMO, with_query("/", {"q": "sale", "status": "launched", "sort": "revenue"})),
    "campaigns-none-fits": Place(DEMO, with_query("/", {"q": "nothing at all"})),
    "campaigns-empty": Place(EMPTY, "/"),
    "results": Place(DEMO, campaign_path(_SALE)),
    "results-of-days": Place(
        DEMO,
        with_query(
            campaign_path(_SALE),
            {"from": "2026-03-09", "to": "2026-03-15", "clock": "receipt", "zone": "utc"},
        ),
    ),
    "results-of-a-canvas": Place(DEMO, campaign_path("onboarding")),
    "results-without-control": Place(DEMO, campaign_path("glass-teapot")),
    "results-without-conversion-events": Place(DEMO, campaign_path("newsletter")),
    "results-of-one": Place(STRANGERS, campaign_path("strangers")),
    "results-of-a-draft": Place(DEMO, campaign_path(DRAFT)),
    "results-of-nobody": Place(DEMO, campaign_path(UNRECEIVED)),
    "rejected": Place(DEMO, "/rejected"),
    "words": Place(DEMO, "/words"),
    "new": Place(DEMO, "/campaigns/new"),
    "clone": Place(DEMO, with_query("/campaigns/new", {"from": _SALE})),
    "edit-step-1": Place(DEMO, campaign_path(DRAFT, "edit")),
    "edit-step-2": Place(DEMO, with_query(campaign_path(DRAFT, "edit"), {"step": "2"})),
    "edit-step-3": Place(DEMO, with_query(campaign_path(DRAFT, "edit"), {"step": "3"})),
    "edit-launched": Place(DEMO, campaign_path(_SALE, "edit")),
    "launch": Place(DEMO, campaign_path(DRAFT, "launch")),
    "stop": Place(DEMO, campaign_path(_SALE, "stop")),
    "archive": Place(DEMO, campaign_path(_SALE, "archive")),
    "winner": Place(DEMO, campaign_path(_SALE, "winner")),
    "start": Place(NOBODY, "/start"),
    "results-frozen": Place(DEMO, with_query(campaign_path(_SALE), {"at": "100000"})),
    "people": Place(DEMO, campaign_path(_SALE, "people")),
    "people-filtered": Place(
        DEMO,
        with_query(campaign_path(_SALE, "people"), {"variant": "B", "not_converted": "A", "user_id": ""}),
    ),
    "people-conversions": Place(
        DEMO, with_query(campaign_path(_SALE, "people"), {"list": "conversions", "event": "B"})
    ),
    "explanation": Place(DEMO, campaign_path(_SALE) + user_path("customer-06002")),
    "explanation-of-nobody": Place(DEMO, campaign_path(_SALE) + user_path("customer-6002")),
    "user": Place(DEMO, user_path("customer-06001")),
    "user-in-full": Place(DEMO, with_query(user_path("customer-06001"), {"density": "full"})),
    "user-as-json": Place(DEMO, with_query(user_path("customer-06001"), {"density": "json"})),
    "user-not-found": Place(DEMO, with_query("/users", {"id": "customer-6002"}), 404),
    "compare": Place(DEMO, campaign_path(_SALE, "compare")),
    "compare-two": Place(DEMO, with_query(campaign_path(_SALE, "compare"), {"with": "glass-teapot"})),
    "compare-times": Place(
        DEMO, with_query(campaign_path(_SALE, "compare"), {"from": "2026-03-11", "as_of_clock": "occurred"})
    ),
    "audit": Place(DEMO, "/audit"),
    "history": Place(DEMO, campaign_path(_SALE, "history")),
    "about": Place(DEMO, "/about"),
    "not-found": Place(DEMO, campaign_path("spring-sail"), 404),
    "bad-question": Place(DEMO, with_query(campaign_path(_SALE), {"clock": "cuckoo"}), 400),
}

HOSTILE_PLACES = (
    {
        "campaigns": Place(HOSTILES, "/"),
        "about": Place(HOSTILES, "/about"),
    }
    | {
        f"{page or 'results'}-{number}": Place(HOSTILES, campaign_path(text, page))
        for page in ("", "people", "compare", "history", "edit", "launch", "stop", "archive", "winner")
        for number, text in enumerate(HOSTILE)
    }
    | {
        f"{name}-{number}": Place(HOSTILES, path)
        for number, text in enumerate(HOSTILE)
        for name, path in (
            ("explanation", campaign_path(text) + user_path(text)),
            ("user", with_query(user_path(text), {"density": "full"})),
            ("user-as-json", with_query(user_path(text), {"density": "json"})),
            ("conversions", with_query(campaign_path(text, "people"), {"list": "conversions"})),
            ("compare-two", with_query(campaign_path(text, "compare"), {"with": HOSTILE[number - 1]})),
        )
    }
)
