"""Letterboxed copies of one size, and what is measured on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from fvc_kedro.datasets.made_videos import RecipeBatch
from fvc_kedro.datasets.records import MeasurementBatch
from fvc_kedro.execution import Outcomes
from fvc_kedro.forensics import Columns, Sampling, feature_names
from fvc_kedro.parameters import ExecutionParameters, ScalingParameters, SvmParameters
from fvc_kedro.pipelines.measuring import failure_table, measurement, segment_table, video_table
from fvc_kedro.video import MadeVideo, Video, VideoRecipe
from fvc_kedro.video.encoding import Encoding
from fvc_kedro.video.geometry import Letterbox, letterbox_region

FAMILIES = ("classic", "scaled_copy")
METADATA_SCHEMA = {
    "video_id": pl.String,
    "video_path": pl.String,
    "scaled_path": pl.String,
    "width": pl.Int64,
    "height": pl.Int64,
    "rotation": pl.Int64,
    "pixel_aspect_ratio": pl.Float64,
    "scaled_width": pl.Int64,
    "scaled_height": pl.Int64,
    "content_x": pl.Int64,
    "content_y": pl.Int64,
    "content_width": pl.Int64,
    "content_height": pl.Int64,
    "padding_left": pl.Int64,
    "padding_top": pl.Int64,
    "padding_right": pl.Int64,
    "padding_bottom": pl.Int64,
    "scale_factor": pl.Float64,
    "n_frames": pl.Int64,
}


def scale_videos(
    corpus_index: pl.DataFrame, corpus_videos: Mapping[str, Video], scaling: dict[str, Any], execution: dict[str, Any]
) -> RecipeBatch:
    """Ask for a letterboxed copy of every video of the index."""
    parameters = ScalingParameters.model_validate(scaling)
    encoding = Encoding(crf=parameters.crf, preset=parameters.preset)
    columns = ("video_id", "video_path", "rotation", "pixel_aspect_ratio", "sha256", "width", "height", "n_frames")
    recipes = {
        video_id: VideoRecipe(
            corpus_videos[path],
            Letterbox(parameters.size, rotation, ratio),
            encoding,
            source_hash=sha256,
            cost=width * height * n_frames,
            keeps_times=True,
        )
        for video_id, path, rotation, ratio, sha256, width, height, n_frames in corpus_index.select(columns).iter_rows()
    }
    return RecipeBatch(recipes, ExecutionParameters.model_validate(execution).to_execution(), "scaling videos")


def describe_scaled_videos(
    corpus_index: pl.DataFrame, scaled_videos: Outcomes[MadeVideo], scaling: dict[str, Any]
) -> pl.DataFrame:
    """Tell the geometry of every copy.

    Returns
    -------
    DataFrame
        A row a copy, sorted by video_id: the paths, the size of the original and of the copy, where in
        the copy the picture lies, the padding around it in pixels, the factor between the displayed
        original and the picture in the copy, and the copy's frames.
    """
    size = ScalingParameters.model_validate(scaling).size
    rows = []
    for row in corpus_index.sort("video_id").iter_rows(named=True):
        copy = scaled_videos.values.get(row["video_id"])
        if copy is None:
            continue
        shown = (row["displayed_width"], row["displayed_height"])
        x, y, width, height = letterbox_region(*shown, size)
        rows.append(
            {
                "video_id": row["video_id"],
                "video_path": row["video_path"],
                "scaled_path": copy.path.name,
                "width": row["width"],
                "height": row["height"],
                "rotation": row["rotation"],
                "pixel_aspect_ratio": row["pixel_aspect_ratio"],
                "scaled_width": size,
                "scaled_height": size,
                "content_x": x,
                "content_y": y,
                "content_width": width,
                "content_height": height,
                "padding_left": x,
                "padding_top": y,
                "padding_right": size - x - width,
                "padding_bottom": size - y - height,
                "scale_factor": size / max(shown),
                "n_frames": copy.info.n_frames,
            }
        )
    return pl.DataFrame(rows, schema=METADATA_SCHEMA)


def measure_scaled_videos(
    scaled_metadata: pl.DataFrame,
    scaled_videos: Outcomes[MadeVideo],
    scaling: dict[str, Any],
    svm: dict[str, Any],
    execution: dict[str, Any],
) -> MeasurementBatch:
    """Ask for the measurement of every copy, if ``svm.feature_sets`` has ``scaled``; of none otherwise.

    Copies are measured inside the picture: the black bars would tell the aspect ratio.
    """
    wanted = "scaled" in SvmParameters.model_validate(svm).feature_sets
    parameters = ScalingParameters.model_validate(scaling)
    settings = ExecutionParameters.model_validate(execution).to_execution()
    columns = ("video_id", "content_x", "content_y", "content_width", "content_height", "n_frames")
    chosen = scaled_metadata if wanted else scaled_metadata.clear()
    measurements = {}
    for video_id, x, y, width, height, n_frames in chosen.select(columns).iter_rows():
        copy = scaled_videos.values[video_id]
        measurements[video_id] = measurement(
            copy,
            copy.content_hash,
            FAMILIES,
            Sampling(parameters.num_frames),
            n_frames,
            region=(x, y, width, height),
            frames_ahead=settings.frames_ahead(scaled_metadata.height),
        )
    return MeasurementBatch(measurements, settings, "measuring scaled videos")


def tabulate_scaled_features(
    corpus_index: pl.DataFrame,
    scaled_metadata: pl.DataFrame,
    scaled_videos: Outcomes[MadeVideo],
    scaled_measurements: Outcomes[dict[str, Columns]],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lay out the measurements of the copies, their columns named ``scaled_…``.

    Returns
    -------
    scaled_features : DataFrame
        A row a copy: video_id, label, group, the features and ``scaled_scale_factor``.
    failed_scaled_videos : DataFrame
        video_id, video_path and the reason, for copies that could not be made or measured.
    """
    names = {name: f"scaled_{name}" for name in feature_names(FAMILIES)}
    factors = scaled_metadata.select("video_id", pl.col("scale_factor").alias("scaled_scale_factor"))
    table = video_table(segment_table(corpus_index, scaled_measurements, names))
    features = table.join(factors, on="video_id", how="left", validate="1:1", maintain_order="left")
    failures = scaled_videos.failures | scaled_measurements.failures
    return features, failure_table(corpus_index, failures, "scaled or measured", "failed_scaled_videos")
