"""Feature families measured on the segments of videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from fvc_kedro.datasets.records import MeasurementBatch
from fvc_kedro.execution import Outcomes
from fvc_kedro.forensics import Columns, feature_names
from fvc_kedro.parameters import ExecutionParameters, FeatureParameters
from fvc_kedro.pipelines.measuring import failure_table, measurement, segment_table, video_table
from fvc_kedro.video import Video


def measure_features(
    corpus_index: pl.DataFrame, corpus_videos: Mapping[str, Video], features: dict[str, Any], execution: dict[str, Any]
) -> MeasurementBatch:
    """Ask for the measurement of every video of the index.

    Parameters
    ----------
    corpus_index : DataFrame
    corpus_videos : mapping of str to Video
        By path.
    features, execution : dict
        Parameters.

    Returns
    -------
    MeasurementBatch
        A measurement for each video, dearer with more pixels.
    """
    parameters = FeatureParameters.model_validate(features)
    columns = ("video_id", "video_path", "sha256", "width", "height", "n_frames")
    settings = ExecutionParameters.model_validate(execution).to_execution()
    frames_ahead = settings.frames_ahead(corpus_index.height)
    measurements = {
        video_id: measurement(
            corpus_videos[path],
            sha256,
            parameters.families,
            parameters.to_sampling(),
            width * height * n_frames,
            frames_ahead=frames_ahead,
        )
        for video_id, path, sha256, width, height, n_frames in corpus_index.select(columns).iter_rows()
    }
    return MeasurementBatch(measurements, settings, "measuring videos")


def tabulate_segments(
    corpus_index: pl.DataFrame, feature_measurements: Outcomes[dict[str, Columns]], features: dict[str, Any]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lay out the measurements of every segment.

    Returns
    -------
    segment_features : DataFrame
        A row a segment: video_id, label, group, segment, start_s, end_s and every feature, null where it is
        missing, sorted by video_id and segment.
    failed_videos : DataFrame
        video_id, video_path and the reason, sorted by video_id.
    """
    names = feature_names(FeatureParameters.model_validate(features).families)
    table = segment_table(corpus_index, feature_measurements, {name: name for name in names})
    return table, failure_table(corpus_index, feature_measurements.failures, "measured", "failed_videos")


def average_segments(segment_features: pl.DataFrame) -> pl.DataFrame:
    """Average the segments of each video.

    Returns
    -------
    DataFrame
        A row a video: video_id, label, group and every feature, sorted by video_id. Segments that lack a
        feature do not count for it.
    """
    return video_table(segment_features)
