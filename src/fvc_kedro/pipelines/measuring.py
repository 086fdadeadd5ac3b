"""What the pipelines that measure videos share: batches of measurements, and the tables they become."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import islice

import polars as pl

from fvc_kedro.datasets.records import Measurement
from fvc_kedro.execution import Outcomes
from fvc_kedro.forensics import FAMILIES, Columns, Sampling, measure
from fvc_kedro.video import UnusableVideoError, Video
from fvc_kedro.video.decoding import VERSION as DECODING_VERSION
from fvc_kedro.video.frame import Rectangle

logger = logging.getLogger(__name__)

_NAMED = 3  # examples in a warning
KEY_COLUMNS = ("video_id", "label", "group", "corpus")
SEGMENT_COLUMNS = {"segment": pl.Int64, "start_s": pl.Float64, "end_s": pl.Float64}
FAILURE_SCHEMA = {"video_id": pl.String, "video_path": pl.String, "reason": pl.String}


def digest(*parts: object) -> str:
    """SHA-256 of the representations of some values."""
    return hashlib.sha256("\n".join(repr(part) for part in parts).encode()).hexdigest()


def measurement(
    video: Video,
    content_hash: str,
    families: Sequence[str],
    sampling: Sampling,
    cost: float,
    region: Rectangle | None = None,
    frames_ahead: int = 0,
) -> Measurement:
    """Ask for the measurement of one video, each family kept by content, its version and the sampling."""
    keys = {
        family: digest(
            "measure",
            content_hash,
            DECODING_VERSION,
            family,
            FAMILIES[family].version,
            FAMILIES[family].depends_on(),
            sampling,
            region,
        )
        for family in families
    }
    return Measurement(partial(_measure, video, content_hash, sampling, region, frames_ahead), keys, cost)


def _measure(
    video: Video,
    content_hash: str,
    sampling: Sampling,
    region: Rectangle | None,
    frames_ahead: int,
    families: tuple[str, ...],
) -> dict[str, Columns]:
    if video.content_hash != content_hash:  # or the values would be kept under the hash of another file
        raise UnusableVideoError("the file has changed since ingestion: kedro run --pipelines ingestion")
    return measure(video, families, sampling, region, frames_ahead)


def segment_table(
    corpus_index: pl.DataFrame, measurements: Outcomes[dict[str, Columns]], names: Mapping[str, str]
) -> pl.DataFrame:
    """Lay out measurements as a table, sorted by video and segment.

    Parameters
    ----------
    corpus_index : DataFrame
        With the key columns: video_id, label, group and corpus.
    measurements : Outcomes
        Columns of each family of each video that could be measured.
    names : mapping
        Name of a feature in the measurements to its column in the table.

    Returns
    -------
    DataFrame
        Key columns, ``segment`` (from 0), ``start_s``, ``end_s``, then a float column for each feature, null
        where it is missing.
    """
    schema = dict.fromkeys(KEY_COLUMNS, pl.String) | SEGMENT_COLUMNS | dict.fromkeys(names.values(), pl.Float64)
    parts = [pl.DataFrame(schema=schema)]
    for key in corpus_index.select(KEY_COLUMNS).sort("video_id").iter_rows():
        if key[0] not in measurements.values:
            continue
        columns = {name: values for family in measurements.values[key[0]].values() for name, values in family.items()}
        table = {name: [value] * len(columns["start_s"]) for name, value in zip(KEY_COLUMNS, key, strict=True)}
        table |= {"segment": list(range(len(columns["start_s"])))}
        table |= {name: columns[name] for name in ("start_s", "end_s")}
        table |= {column: columns[name] for name, column in names.items()}
        parts.append(pl.DataFrame(table, schema=schema))
    return pl.concat(parts)


def video_table(segments: pl.DataFrame) -> pl.DataFrame:
    """Average the segments of each video: key columns, then every feature, null where all segments lack it."""
    features = pl.exclude(*KEY_COLUMNS, *SEGMENT_COLUMNS)
    return segments.group_by(KEY_COLUMNS, maintain_order=True).agg(features.mean())


def failure_table(corpus_index: pl.DataFrame, failures: Mapping[str, str], what: str, name: str) -> pl.DataFrame:
    """Lay out failures with their reasons, sorted by video, and warn of them.

    Parameters
    ----------
    corpus_index : DataFrame
        With ``video_id`` and ``video_path``.
    failures : mapping of str to str
        Reasons by ``video_id``.
    what : str
        What the videos could not be, such as measured.
    name : str
        Name of the table in the catalog.
    """
    rows = [
        (video_id, path, failures[video_id])
        for video_id, path in corpus_index.select("video_id", "video_path").sort("video_id").iter_rows()
        if video_id in failures
    ]
    table = pl.DataFrame(rows, schema=FAILURE_SCHEMA, orient="row")
    if rows:
        some = some_reasons(table.select("video_path", "reason").iter_rows())
        logger.warning("%d of %d videos could not be %s: %s (see %s)", len(rows), len(corpus_index), what, some, name)
    return table


def some_reasons(named_reasons: Iterable[tuple[str, str]]) -> str:
    """Tell a few of many names with their reasons, of different kinds where there are, and how many more there are."""
    first: dict[str, str] = {}
    total = 0
    for name, reason in named_reasons:
        first.setdefault(kind_of(reason), f"{name}, {reason}")
        total += 1
    examples = list(islice(first.values(), _NAMED))
    return "; ".join(examples) + (f" and {total - len(examples)} more" if total > len(examples) else "")


def kind_of(reason: str) -> str:
    """Return the words of a reason that others of its kind share: those before the first colon or comma."""
    return reason.partition(":")[0].partition(",")[0]
