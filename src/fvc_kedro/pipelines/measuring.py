"""What the pipelines that measure videos share: batches of measurements, and the tables they become."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from fvc_kedro.datasets.records import Measurement
from fvc_kedro.execution import Outcomes
from fvc_kedro.forensics import FAMILIES, measure
from fvc_kedro.video import Video

KEY_COLUMNS = ("video_id", "label", "group")
FAILURE_SCHEMA = {"video_id": pl.String, "video_path": pl.String, "reason": pl.String}


def digest(*parts: object) -> str:
    """SHA-256 of the representations of some values."""
    return hashlib.sha256("\n".join(repr(part) for part in parts).encode()).hexdigest()


def measurement(
    video: Video,
    content_hash: str,
    families: Sequence[str],
    sampling: Mapping[str, Any],
    cost: float,
    frames_ahead: int = 0,
) -> Measurement:
    """Ask for the measurement of one video, each family kept by content, its version and the sampling.

    ``sampling`` holds the arguments of :func:`fvc_kedro.forensics.measure` that the values depend on.
    """
    keys = {
        family: digest("measure", content_hash, family, FAMILIES[family].version, sorted(sampling.items()))
        for family in families
    }
    return Measurement(partial(_measure, video, dict(sampling), frames_ahead), keys, cost)


def _measure(
    video: Video, sampling: Mapping[str, Any], frames_ahead: int, families: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    return measure(video, families, frames_ahead=frames_ahead, **sampling)


def feature_table(
    corpus_index: pl.DataFrame, measurements: Outcomes[dict[str, dict[str, float]]], names: Mapping[str, str]
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
    values = {
        video_id: {name: value for features in families.values() for name, value in features.items()}
        for video_id, families in measurements.values.items()
    }
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
