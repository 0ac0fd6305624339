"""The question of an audit's conversions, answered by Polars, in the peers' environment.

Receipts beside behaviours: of each journey, campaign and conversion event the first conversion, and the receipt it is
credited to. It reads the files of an archive, and what is asked of campaigns from standard input.
"""

import json
import sys
from time import perf_counter, process_time
from typing import Any

import polars as pl  # type: ignore[import-not-found]

from benchmarks.audit_memory import peak_bytes

_EARNS = {
    "journey.session_started": "starts_session",
    "journey.purchase": "makes_purchase",
    "journey.custom_event": "performs_custom_event",
}
_FACTS = (*_EARNS, "journey.received", "journey.app_version")
_ASKED = (
    "stream_id",
    "topic",
    "fact_id",
    "occurred_at",
    "campaign_id",
    "variant_id",
    "app_id",
    "app_version",
    "product_id",
    "name",
)
_CONVERSION = ("stream_id", "campaign_id", "conversion_event")
_BEHAVIOUR = ("stream_id", "earns", "fact_id", "occurred_at", "app_id", "product_id", "name")
_EVENT = {
    "campaign_id": pl.String,
    "conversion_event": pl.Int64,
    "earns": pl.String,
    "wanted_product": pl.String,
    "wanted_name": pl.String,
    "wanted_apps": pl.List(pl.String),
    "deadline": pl.Int64,
}


def main(files: list[str]) -> None:
    """Answer, and print how long it took and the conversions by campaign and variant."""
    asked = pl.LazyFrame(json.load(sys.stdin), schema=_EVENT)
    started, begun = perf_counter(), process_time()
    counted = _conversions(pl.scan_parquet(files), asked).collect(engine="streaming")
    conversions = {f"{campaign} {variant}": number for campaign, variant, number in counted.iter_rows()}
    spent = {"seconds": perf_counter() - started, "processor": process_time() - begun}
    print(json.dumps(spent | {"conversions": conversions, "peak_bytes": peak_bytes()}))


def _conversions(log: Any, asked: Any) -> Any:  # noqa: ANN401 - Polars is not installed where types are checked
    standing = _standing(log)
    receipts = standing.filter(pl.col("topic") == "journey.received").select(
        "stream_id", "campaign_id", "variant_id", receipt_id="fact_id", received_at="occurred_at"
    )
    behaviours = pl.concat([_acts(standing), _upgrades(standing)])
    converting = (
        receipts.join(asked, on="campaign_id")
        .join(behaviours, on=["stream_id", "earns"])
        .filter(_matches())
        .sort(
            *(*_CONVERSION, "occurred_at", "fact_id", "received_at", "receipt_id"),
            descending=[False] * (len(_CONVERSION) + 2) + [True, True],
        )
        .unique(subset=_CONVERSION, keep="first", maintain_order=True)
    )
    return converting.group_by("campaign_id", "variant_id").len()


def _standing(log: Any) -> Any:  # noqa: ANN401
    """The facts that are not voided, which may be told before or after them (R17)."""
    voids = log.filter(pl.col("topic") == "journey.void").select("stream_id", fact_id="voided_id")
    facts = log.filter(pl.col("topic").is_in(_FACTS)).select(_ASKED)
    return facts.join(voids, on=["stream_id", "fact_id"], how="anti")


def _acts(standing: Any) -> Any:  # noqa: ANN401
    earns = pl.col("topic").replace_strict(_EARNS, default=None, return_dtype=pl.String)
    return standing.with_columns(earns=earns).filter(pl.col("earns").is_not_null()).select(_BEHAVIOUR)


def _upgrades(standing: Any) -> Any:  # noqa: ANN401
    """Reports of a later version than the one before (R10); all that are made up here are dotted whole numbers."""
    reports = standing.filter(pl.col("app_id").is_not_null() & pl.col("app_version").is_not_null())
    parts = pl.col("app_version").str.split(".").list.eval(pl.element().str.zfill(20)).list.join(".")
    before = pl.col("version").shift(1).over("stream_id", "app_id", order_by=["occurred_at", "fact_id"])
    later = reports.with_columns(version=parts).with_columns(before=before)
    nothing = pl.lit(None, pl.String)
    return (
        later.filter(pl.col("version") > pl.col("before"))
        .with_columns(earns=pl.lit("upgrades_app"), product_id=nothing, name=nothing)
        .select(_BEHAVIOUR)
    )


def _matches() -> Any:  # noqa: ANN401
    """The behaviour lies in the window, both ends inside, and is what the conversion event asks for (R2, R6)."""
    wanted = {"wanted_product": "product_id", "wanted_name": "name"}
    alike = [pl.col(asked).is_null() | (pl.col(asked) == pl.col(has)) for asked, has in wanted.items()]
    of_app = pl.col("wanted_apps").list.len() == 0
    return pl.all_horizontal(
        pl.col("occurred_at") >= pl.col("received_at"),
        pl.col("occurred_at") <= pl.col("received_at") + pl.col("deadline"),
        *alike,
        of_app | pl.col("wanted_apps").list.contains(pl.col("app_id")),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
