"""DuckDB and Spark run the same rules: each of their tables is equal, row by row, and so is what audits say."""

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from application.commands.definitions import read_campaigns
from benchmarks.crowd import Crowd, campaigns
from benchmarks.workload import GROUP, Fact
from infrastructure.access.operator import stamp
from infrastructure.archive import Archiver, open_location
from infrastructure.archive.batches import read_events
from infrastructure.audit import auditing
from infrastructure.audit import read_model_rows as read_models
from infrastructure.audit.auditing import Options, audit_archive, audit_ledger
from infrastructure.audit.duckdb_engine import DuckDB, fill_log, quote
from infrastructure.audit.outcome import AuditResult, Judged
from infrastructure.audit.rules import statements
from infrastructure.audit.spark_engine import Spark
from infrastructure.audit.spark_session import NoSpark, start_session, to_mebibytes
from infrastructure.composition import Service
from tests.infrastructure.audit import test_audit_orders
from tests.infrastructure.audit.test_audit import FAULTS, make
from tests.support.commands import run, run_process
from tests.support.ledgers import NOW, take, url_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Whoever must not leave these tests out (.ci/run) says so: without Java they fail then.
on_spark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("java") is None and os.environ.get("SPARK_TESTS") != "required",
        reason="Spark needs Java: apt-get install openjdk-17-jre-headless",
    ),
]

EXECUTORS = 2
OUTCOMES = tuple(
    statement.table
    for statement in statements()
    if statement.table.startswith(("judged_", "told"))
    or statement.table
    in {"voided", "upgrades", "units_given_back", "orders", "corrected_purchases"}
    | {"differences", "figures", "fingerprint", "totals", "said_totals"}
)
"""What the rules come to; all other tables are on the way there."""
OTHER_GROUP = "other"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """Spark with two executors, processes of their own; whatever they write lies in a directory of the test."""
    home = tmp_path_factory.mktemp("spark")
    package = find_spec("pyspark")
    assert package is not None
    assert package.origin is not None
    for part in ("bin", "jars"):
        (home / part).symlink_to(Path(package.origin).parent / part)
    (home / "conf").mkdir()
    # No work before all executors are there.
    (home / "conf" / "spark-defaults.conf").write_text("spark.scheduler.minRegisteredResourcesRatio 1.0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_HOME", str(home))
        patch.setenv("SPARK_MASTER", f"local-cluster[{EXECUTORS},1,1024]")
        session = start_session(home, "1GiB")
        yield session
        end(session)


def end(session: "SparkSession") -> None:
    """Stop Spark, and wait until Java is gone."""
    from pyspark import SparkContext  # noqa: PLC0415 - an extra

    gateway: Any = SparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=60)
    SparkContext._gateway = SparkContext._jvm = None


def silent(*_: object) -> None:
    """Nobody watches."""


def found_by(engine: DuckDB | Spark, service: Service) -> tuple[Judged, dict[str, Counter[tuple[Any, ...]]]]:
    """What an engine judges of a ledger, and the rows of the tables that it made."""
    with auditing._hold_read_models(service.database, service.projector) as (view, position, current):
        read_models.fill_rows(engine, view, current)
    fill_log(engine, read_events(service.database, 0, position))
    asked = ("streams", *read_models.ROWS)
    judged, _ = auditing._judge_all(engine, Options(), asked, silent, ())
    rows = {table: Counter(engine.rows(f"SELECT * FROM {table}")) for table in OUTCOMES}
    engine.close()
    return judged, rows


def assert_equal(service: Service, directory: Path) -> Judged:
    """Both engines make the same of a ledger; whatever they made it through."""
    wanted, right = found_by(DuckDB(directory, "1GB"), service)
    judged, rows = found_by(Spark(directory, "1GB"), service)
    different = {table for table in OUTCOMES if rows[table] != right[table]}
    assert {each: (right[each] - rows[each], rows[each] - right[each]) for each in different} == {}
    assert comparable(judged) == comparable(wanted)
    return judged


def comparable(judged: Judged) -> Judged:
    """The same, with differences in an order that does not depend on who found them."""
    return replace(judged, differences=sorted(judged.differences, key=str))


def told(found: AuditResult) -> AuditResult:
    """An audit, but for who made it, when, and how long that took."""
    return replace(found, engine="", made_at="", seconds=0.0, judged=comparable(found.judged))


def both(audit: Any, *of: Any) -> tuple[AuditResult, AuditResult]:
    """The same audit by both engines."""
    by_spark, by_duckdb = (audit(*of, Options(engine=engine), silent) for engine in auditing.ENGINES[::-1])
    assert (by_spark.engine, by_duckdb.engine) == ("spark", "duckdb")
    return by_spark, by_duckdb


class TestSpark:
    """On two executors."""

    pytestmark = on_spark

    def test_there_are_two_executors(self, session: "SparkSession") -> None:
        """Besides the process that tells them what to do."""
        assert session.range(2).count() == 2
        known: Any = session.sparkContext._jsc
        assert known.sc().getExecutorMemoryStatus().size() == EXECUTORS + 1

    @pytest.mark.usefixtures("session")
    def test_every_table_is_equal(self, tmp_path: Path) -> None:
        """R6 to R20: of a ledger in which everything has happened, from the log and the read models of a database."""
        with make(tmp_path) as service:
            judged = assert_equal(service, tmp_path)
        assert judged.totals["conversions"] == 5
        assert not judged.counts

    @pytest.mark.usefixtures("session")
    def test_r27_every_table_of_orders_is_equal(self, tmp_path: Path) -> None:
        """Lists of lines, units as numbers, and orders that were recorded as purchases."""
        with test_audit_orders.make(tmp_path) as service:
            judged = assert_equal(service, tmp_path)
        assert not judged.counts

    @pytest.mark.usefixtures("session")
    def test_every_table_of_a_crowd_is_equal(self, tmp_path: Path) -> None:
        """R14: of two app groups, of whose facts many came late, were refunded, voided, or tell of odd versions."""
        with crowd(tmp_path) as service:
            judged = assert_equal(service, tmp_path)
        assert not judged.counts
        assert judged.totals["facts"] > 20_000
        assert min(judged.totals[what] for what in ("conversions", "upgrades", "facts voided")) > 100

    @pytest.mark.usefixtures("session")
    def test_faults_are_told_alike(self, tmp_path: Path) -> None:
        """What was planted in the streams and in the read models: each difference, with both of its stories."""
        faults = [
            FAULTS["a conversion moved by a microsecond"],
            FAULTS["a recipient with a receipt too many"],
            FAULTS["a report off by a cent"],
        ]
        with make(tmp_path) as service:
            with service.database.writing() as connection:
                for trigger in ("events_refuse_update", "events_refuse_delete"):
                    connection.execute(text(f"DROP TRIGGER {trigger}"))
                for fault in faults:
                    fault.plant(connection)
            by_spark, by_duckdb = both(audit_ledger, service.database, service.projector)
        assert set(by_spark.judged.counts) == set().union(*(fault.told for fault in faults))
        assert told(by_spark) == told(by_duckdb)

    @pytest.mark.usefixtures("session")
    def test_an_archive_is_audited_alike(self, tmp_path: Path) -> None:
        """The files of an archive are read where they lie."""
        with make(tmp_path) as service:
            Archiver(
                service.database,
                service.recorder,
                service.now,
                open_location(str(tmp_path / "archive")),
                silent,
            ).run()
        by_spark, by_duckdb = both(audit_archive, str(tmp_path / "archive"))
        assert by_spark.differs == 0
        assert told(by_spark) == told(by_duckdb)

    @pytest.mark.usefixtures("session")
    def test_a_text_is_the_same_text(self, tmp_path: Path) -> None:
        """Quotes, backslashes and what else an id may hold mean in Spark what they mean in DuckDB."""
        texts = ["it's", "a\\b", "\\", "\\'", "\\\\n", "a\nb\t", "%_", "-- no", "/*", "\u2028", 'x"y', "${y}"]
        spark = Spark(tmp_path, "1GB")
        for each in texts:
            assert list(spark.rows(f"SELECT {quote(each)} AS same")) == [(each,)]

    @pytest.mark.usefixtures("session")
    def test_what_does_not_fit_is_an_error(self, tmp_path: Path) -> None:
        """A sum that overflows and a text that is no number are errors with advice, and never null."""
        spark = Spark(tmp_path, "1GB")
        for query in (
            "SELECT 9223372036854775807 + number AS one_more FROM (SELECT CAST(1 AS BIGINT) AS number) AS one",
            "SELECT CAST(thing AS INTEGER) AS number FROM (SELECT 'x' AS thing) AS one",
        ):
            with pytest.raises(NoSpark, match=r"Spark failed: \[.*--memory"):
                list(spark.rows(query))


def crowd(directory: Path) -> Service:
    """A ledger of a crowd in two app groups, one of which has another calendar; its facts came in any order."""
    service = Service(url_of(directory), now=lambda: NOW)
    for app_group, zone in ((GROUP, "UTC"), (OTHER_GROUP, "America/Sao_Paulo")):
        asked = campaigns() | {"app_group": app_group, "time_zone": zone}
        service.campaigns.apply(read_campaigns(asked), stamp())
    facts = [*Crowd("few", users=1_000, active=0.2, facts_a_day=1_000).facts(20_000)]
    source = random.Random(6)
    for app_group in (GROUP, OTHER_GROUP):
        sent = [fact for fact in facts if (int(fact["user_id"][-1]) < 7) == (app_group == GROUP)]
        sent += list(afterwards(sent, source))
        # Late: by up to half of the batches.
        sent = [sent[at] for at in sorted(range(len(sent)), key=lambda at: at + source.randrange(8_000))]
        for start in range(0, len(sent), 1_000):
            answers = take(service, sent[start : start + 1_000], app_group).answers
            assert {answer.verdict.value for answer in answers} == {"accepted"}
    service.projector.catch_up()
    return service


def afterwards(facts: list[Fact], source: random.Random) -> Iterator[Fact]:
    """Refunds, voids, and reports of versions that are no numbers, of users that have sent facts."""
    for number, fact in enumerate(facts):
        of = {"user_id": fact["user_id"], "at": fact["at"]}
        if fact["type"] == "purchase" and source.random() < 0.2:
            refund = {"purchase_id": fact["id"], "amount": "3"}
            yield of | refund | {"type": "refund", "id": f"refund-{number}"}
        if source.random() < 0.03:
            yield of | {"type": "void", "id": f"void-{number}", "fact_id": fact["id"]}
        if fact["type"] == "app_version" and source.random() < 0.1:
            odd = source.choice(["4.1.0-beta2", "4.01", "4.10.0.0", "v\u00e94"])
            app = {"app_id": fact["app_id"], "version": odd}
            yield of | app | {"type": "app_version", "id": f"odd-{number}"}


def test_without_java_it_says_what_to_install(tmp_path: Path) -> None:
    """The package, and a code for programs; nothing is audited."""
    make(tmp_path).close()
    nowhere = {"PATH": str(tmp_path), "JAVA_HOME": "", "SPARK_REMOTE": ""}
    done = run_process(tmp_path, "audit", "--engine", "spark", settings=nowhere)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no_java" in done.stderr
    assert "openjdk-17-jre-headless" in done.stderr


def test_where_no_spark_is_it_says_so(tmp_path: Path) -> None:
    """At once; it may be another address that was meant."""
    make(tmp_path).close()
    done = run_process(tmp_path, "audit", "--engine", "spark", "--spark-remote", "sc://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no_spark" in done.stderr
    assert "--spark-remote" in done.stderr


def test_there_is_no_other_engine(tmp_path: Path) -> None:
    """It says which there are."""
    done = run(tmp_path, "audit", "--engine", "abacus")
    assert done.returncode == 2
    assert "bad_engine" in done.stderr
    assert "duckdb, spark" in done.stderr


def test_memory_is_written_as_for_duckdb() -> None:
    """In mebibytes, which is how Java has it; what is no size is refused."""
    assert [to_mebibytes(size) for size in ("1GiB", "512 MB", "2g", "1.5GB", "1048576")] == [
        1024,
        488,
        1907,
        1430,
        1,
    ]
    with pytest.raises(NoSpark) as refused:
        to_mebibytes("much")
    assert refused.value.code == "bad_memory"
