"""The dashboard's pages: how fast they are answered, beside the JSON of the same report and beside a bare page.

The load generator, the server, its projector and the database share the machine's cores. Processor time is that of the
service alone, and depends less on what else the machine does.
"""

import gzip
import http.client
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Final, NamedTuple

from benchmarks.http_load import Asked
from benchmarks.http_runs import send
from benchmarks.page_ledgers import (
    CAMPAIGNS,
    Visit,
    fill_with_campaigns,
    fill_with_demo,
    find_largest,
    visiting,
)
from benchmarks.page_paint import LOADS, NoBrowser, paint
from benchmarks.places import Place, PostgreSQL
from benchmarks.reads import quantile
from benchmarks.rebuild_runs import rebuilt
from benchmarks.rebuild_stores import stores
from benchmarks.results import Ask, Progress, Table
from benchmarks.workload import GROUP
from infrastructure.demo import shop

SECONDS: Final = 3.0
CONNECTIONS: Final = (1, 8)
ASKED_P99, ASKED_LIST, ASKED_PAINT = 50, 100, 200
ASKED_PAGE, ASKED_SCRIPT = 60, 20
_WARM_UP: Final = 0.7
_FACTS: Final = 30
_PACKED: Final = {"Accept-Encoding": "gzip"}
_SCRIPT: Final = re.compile(r'<script[^>]* src="([^"]+)"')

RESULTS, JSON, REPORT, BARE = "results", "its JSON", "report, /v1", "bare page (login)"


class Result(NamedTuple):
    """What one run gave; times in milliseconds, `worked` those of the service's processes for each page."""

    pages: float
    p50: float
    p99: float
    worked: float
    bytes: float


def measure(facts: int, sqlite: Place, server: PostgreSQL, progress: Progress) -> Iterator[Table]:
    """Measure the results of the demo and of a crowd's ledger, and a list of a thousand campaigns."""
    painted = _paint_table()
    yield _measure_demo([sqlite, server], painted, progress)
    yield _measure_list([sqlite, server], painted, progress)
    yield painted
    yield _measure_crowd(facts, server, progress)


def _measure_demo(places: Sequence[Place], painted: Table, progress: Progress) -> Table:
    table, sale = _speed_table("demo", "the demo"), shop.CONVERTED[0]
    for place in places:
        with place.empty() as url:
            progress(f"pages: importing the demo on {place.name}")
            with visiting(url, fill_with_demo(url)) as visit:
                _measure_results(table, visit, place.name, sale, progress)
                _measure_page(table, visit, f"{place.name}: canvas of 4 events", "/campaigns/onboarding")
                if place is places[0]:
                    table.asks += _ask_sizes(visit)
                    _measure_paint(painted, visit, "demo", ["/", f"/campaigns/{sale}"], progress)
                _measure_after_facts(table, visit, place.name, sale)
    return table


def _measure_list(places: Sequence[Place], painted: Table, progress: Progress) -> Table:
    table = _speed_table("list", f"the list of {CAMPAIGNS:,} campaigns")
    for place in places:
        with place.empty() as url:
            progress(f"pages: {CAMPAIGNS:,} campaigns on {place.name}")
            with visiting(url, fill_with_campaigns(url)) as visit:
                listed = _measure_page(table, visit, f"{place.name}: list", "/")
                text = f"list of {CAMPAIGNS:,} campaigns, {place.name}, p99 in ms"
                table.asks.append(_at_most(text, listed.p99, ASKED_LIST))
                if place is places[0]:
                    _measure_paint(painted, visit, f"{CAMPAIGNS:,} campaigns", ["/"], progress)
    return table


def _measure_crowd(facts: int, server: PostgreSQL, progress: Progress) -> Table:
    table = _speed_table("facts", f"{facts:,} facts")
    with stores(facts, server, progress) as made:
        for name, url in made.urls.items():
            progress(f"pages: building the read models of {facts:,} facts on {name}")
            rebuilt(url, [], 2, 1)
            with visiting(url, GROUP) as visit:
                campaign = find_largest(url, GROUP)
                _measure_results(table, visit, name, campaign, progress)
                _measure_after_facts(table, visit, name, campaign)
    return table


def _speed_table(name: str, what: str) -> Table:
    columns = ["where: what, connections", "a second", "p50 ms", "p99 ms", "processor ms", "kB gzip",
               "speed / its JSON", "speed / bare page"]  # fmt: skip
    notes = [
        "load generator, service, projector and database share two cores; processor: of the service, for each page",
        "its JSON: report and results; bare page: a template without a question",
        f"after a fact: {_FACTS} pages, each after a receipt of the campaign was sent, so that all is computed",
    ]
    return Table(
        f"pages_{name}", f"Pages of the dashboard, {SECONDS:.0f} s each: {what}", columns, notes=notes
    )


def _paint_table() -> Table:
    title = f"First contentful paint in Chromium, ms: {LOADS} loads with an empty cache"
    return Table("paint", title, ["ledger, page", "median", "largest"])


def _measure_results(table: Table, visit: Visit, where: str, campaign: str, progress: Progress) -> None:
    page = f"/campaigns/{campaign}"
    progress(f"pages: results of {where}")
    for connections in CONNECTIONS:
        results = _run(visit, page, connections)
        beside = {
            JSON: _run(visit, f"{page}.json", connections),
            REPORT: _run(visit, f"/v1{page}/report", connections, by_key=True),
            BARE: _run(visit, "/login", connections),
        }
        ratios = [results.pages / beside[other].pages for other in (JSON, BARE)]
        _add(table, f"{where}: {RESULTS}, {connections}", results, *ratios)
        for name, result in beside.items():
            _add(table, f"{where}: {name}, {connections}", result)
        if connections == 1:
            table.asks.append(
                _at_most(
                    f"{table.title.partition(': ')[2]}, {where}: results, p99 in ms", results.p99, ASKED_P99
                )
            )


def _measure_page(table: Table, visit: Visit, label: str, path: str) -> Result:
    found = _run(visit, path, 1)
    _add(table, f"{label}, 1", found)
    return found


def _add(table: Table, label: str, found: Result, *ratios: float) -> None:
    of_json, of_bare = ratios or (None, None)
    kilobytes = found.bytes / 1_000
    table.rows.append([label, found.pages, found.p50, found.p99, found.worked, kilobytes, of_json, of_bare])


def _run(visit: Visit, path: str, connections: int, *, by_key: bool = False) -> Result:
    headers, key = (_PACKED, visit.key) if by_key else (_PACKED | visit.cookie, "")
    port = visit.server.port
    send(Asked(port, path, key, 0, connections, _WARM_UP, 0, headers=headers))
    before = visit.server.processor_seconds()
    told = send(Asked(port, path, key, 0, connections, SECONDS, 0, headers=headers))
    worked = visit.server.processor_seconds() - before
    assert not told.failed, (path, told.failed)
    taken = told.milliseconds
    return Result(
        told.calls / told.seconds,
        quantile(taken, 0.5),
        quantile(taken, 0.99),
        1e3 * worked / told.calls,
        told.bytes / told.calls,
    )


def _measure_after_facts(table: Table, visit: Visit, where: str, campaign: str) -> None:
    """Ask for the page right after a receipt of variant A: it waits for the read models, and computes everything."""
    connection = http.client.HTTPConnection("127.0.0.1", visit.server.port)
    taken, size, before = [], 0, visit.server.processor_seconds()
    for number in range(_FACTS):
        fact = {
            "type": "received", "id": f"bench-{number}", "user_id": f"bench-{number}", "campaign_id": campaign,
            "variant_id": "A", "at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        _, answer = _exchange(
            connection, "POST", "/v1/facts", {"Authorization": f"Bearer {visit.key}"}, {"facts": [fact]}
        )
        assert json.loads(answer)["accepted"] == 1, answer
        started = perf_counter()
        _, answer = _exchange(connection, "GET", f"/campaigns/{campaign}", _PACKED | visit.cookie)
        taken.append(1e3 * (perf_counter() - started))
        size += len(answer)
    worked = 1e3 * (visit.server.processor_seconds() - before) / _FACTS
    found = Result(
        1e3 * _FACTS / sum(taken), quantile(taken, 0.5), quantile(taken, 0.99), worked, size / _FACTS
    )
    _add(table, f"{where}: {RESULTS} after a fact, 1", found)


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: dict[str, str],
    body: object = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    sent = None if body is None else json.dumps(body)
    more = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, sent, headers | more)
    answer = connection.getresponse()
    read = answer.read()
    assert answer.status == 200, (path, answer.status, read)
    return answer, read


def _ask_sizes(visit: Visit) -> Iterator[Ask]:
    """The largest page of the demo, and all script that it loads."""
    connection = http.client.HTTPConnection("127.0.0.1", visit.server.port)
    pages = [
        gzip.decompress(_exchange(connection, "GET", f"/campaigns/{each['id']}", _PACKED | visit.cookie)[1])
        for each in shop.CAMPAIGNS["campaigns"]
    ]
    largest = max(pages, key=len)
    scripts = _SCRIPT.findall(largest.decode())
    assert scripts, "the page has no script"
    packed = sum(len(_exchange(connection, "GET", each, _PACKED)[1]) for each in scripts)
    yield _at_most("largest results page of the demo, kB unpacked", len(largest) / 1e3, ASKED_PAGE)
    yield _at_most("all script of a page, kB gzip", packed / 1e3, ASKED_SCRIPT)


def _measure_paint(table: Table, visit: Visit, where: str, paths: list[str], progress: Progress) -> None:
    progress(f"pages: first paint of {where}")
    try:
        painted = paint(visit, paths)
    except NoBrowser as missing:
        table.notes.append(f"NOT MEASURED on {where}: {missing}")
        return
    for path, (middle, most) in painted.items():
        table.rows.append([f"{where}, {path}", middle, most])
        table.asks.append(_at_most(f"first paint of {where}, {path}, ms", middle, ASKED_PAINT))


def _at_most(text: str, measured: float, wanted: float) -> Ask:
    return Ask(text, measured, wanted, at_most=True)
