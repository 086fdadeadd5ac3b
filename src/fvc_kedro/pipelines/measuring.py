"""What the pipelines that measure videos share: batches of measurements, and the tables they become."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import polars as pl

from fvc_kedro.execution import Outcomes, Task
from fvc_kedro.forensics import FAMILIES, measure
from fvc_kedro.video import Video
from fvc_kedro.video.frame import Rectangle

KEY_COLUMNS = ("video_id", "label", "group")
FAILURE_SCHEMA = {"video_id": pl.String, "video_path": pl.String, "reason": pl.String}


def digest(*parts: object) -> str:
    """SHA-256 of the representations of some values."""
    return hashlib.sha256("\n".join(repr(part) for part in parts).encode()).hexdigest()


def measuring_task(
    video: Video,
    content_hash: str,
    families: Sequence[str],
    num_frames: int,
    cost: float,
    region: Rectangle | None = None,
) -> Task:
    """Make the task of measuring one video, keyed by its content, the families' versions and the sampling."""
    versions = [(family, FAMILIES[family].version) for family in families]
    key = digest("measure", content_hash, versions, num_frames, region)
    return Task(measure, (video, tuple(families), num_frames, region), key, cost)


def feature_table(
    corpus_index: pl.DataFrame, measurements: Outcomes[dict[str, float]], names: Mapping[str, str]
) -> pl.DataFrame:
    """Lay out measurements as a table, sorted by video.

    Parameters
    ----------
    corpus_index : DataFrame
        With ``video_id``, ``label`` and ``group``.
    measurements : Outcomes
        A value for each feature of each video that could be measured.
    names : mapping
        Name of a feature in the measurements to its column in the table.

    Returns
    -------
    DataFrame
        Key columns, then a float column for each feature.
    """
    values = measurements.values
    rows = [
        (*key, *(values[key[0]][name] for name in names))
        for key in corpus_index.select(KEY_COLUMNS).sort("video_id").iter_rows()
        if key[0] in values
    ]
    schema = dict.fromkeys(KEY_COLUMNS, pl.String) | dict.fromkeys(names.values(), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def failure_table(corpus_index: pl.DataFrame, failures: Mapping[str, str]) -> pl.DataFrame:
    """Lay out failures with their reasons, sorted by video."""
    rows = [
        (video_id, path, failures[video_id])
        for video_id, path in corpus_index.select("video_id", "video_path").sort("video_id").iter_rows()
        if video_id in failures
    ]
    return pl.DataFrame(rows, schema=FAILURE_SCHEMA, orient="row")
