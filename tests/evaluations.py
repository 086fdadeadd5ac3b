"""Made-up tables for training and evaluation, under the names of real columns, and detectors trained on them."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
import yaml

from conftest import REPOSITORY
from fvc_kedro.datasets.trials import TrialResults
from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.ingestion.nodes import INDEX_SCHEMA
from fvc_kedro.pipelines.svm_training.nodes import (
    collect_cross_validation,
    collect_left_out,
    finish_detector,
    leave_corpora_out,
    make_folds,
    plan_cross_validation,
)
from fvc_kedro.pipelines.training_rows import detector_of
from trials import SERIAL, results_of

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())
SVM = PARAMETERS["svm"] | {
    "experts": {"stream": ["bitstream"], "colour": ["chroma"]},
    "grid": {"C": [0.1], "rbf_C": [1], "kernel": ["linear"]},
    "n_folds": 3,
    "n_repeats": 2,
    "n_inner_folds": 2,
    "outer": "stratified_groups",
}
EVALUATION = PARAMETERS["evaluation"] | {"n_bootstrap": 200, "n_permutations": 19, "n_shuffles": 4}
FAMILIES = ("bitstream", "chroma")
COLUMNS = feature_names(list(FAMILIES))


def key_table(n_groups=12, a_group=4, pure=False):
    """A row a video; groups hold both classes, or one each."""
    n_videos = n_groups * a_group
    fake = np.repeat(np.arange(n_groups) % 2, a_group) if pure else np.tile([0, 1], n_videos // 2)
    return pl.DataFrame(
        {
            "video_id": [f"v{number:03d}" for number in range(n_videos)],
            "label": np.where(fake == 1, "fake", "real"),
            "group": np.repeat([f"g{number:02d}" for number in range(n_groups)], a_group),
            "corpus": "one",
        }
    )


def segments_of(keys, n_segments=2, separation=1.0, family="chroma", seed=0, families=FAMILIES):
    """Segments of each video; of all families one alone tells real from fake."""
    generator = np.random.default_rng(seed)
    index = np.repeat(np.arange(len(keys)), n_segments)
    names = feature_names(list(families))
    values = generator.normal(size=(len(keys), len(names)))[index] + 0.5 * generator.normal(
        size=(len(index), len(names))
    )
    carrying = np.isin(names, feature_names([family]))
    values[:, carrying] += np.where(keys["label"].to_numpy() == "fake", separation, -separation)[index][:, None]
    return (
        keys[index.tolist()]
        .with_columns(
            segment=pl.Series(np.tile(np.arange(n_segments), len(keys))), start_s=pl.lit(0.0), end_s=pl.lit(3.0)
        )
        .hstack(pl.DataFrame(values, schema=names))
    )


def training_of(segments):
    """The training table of such segments: every measured column."""
    return segments.drop("start_s", "end_s")


def folds_of(keys, **changes):
    return make_folds(keys, SVM | changes)


def untrained(table, **changes):
    return detector_of(SvmParameters.model_validate(SVM | changes), table.columns, len(table))


class Trained(NamedTuple):
    """What the training pipeline makes of a training table."""

    table: pl.DataFrame
    folds: pl.DataFrame
    trials: TrialResults
    models: dict[str, VideoDetector]
    predictions: pl.DataFrame
    grid: pl.DataFrame
    detector: VideoDetector
    left_out: pl.DataFrame

    @property
    def loaders(self) -> dict[str, Any]:
        """The fold models as their dataset gives them."""
        return {name: lambda model=model: model for name, model in self.models.items()}


def train(table, svm=SVM):
    folds = make_folds(table, svm)
    trials = results_of(plan_cross_validation(table, folds, svm, SERIAL))
    models, predictions, grid = collect_cross_validation(trials)
    left_out = collect_left_out(results_of(leave_corpora_out(table, svm, SERIAL)), predictions)
    detector = finish_detector(trials, predictions, left_out, svm)
    return Trained(table, folds, trials, models, predictions, grid, detector, left_out)


def index_of(keys, **columns):
    """A corpus index with the same facts for every video, but for the columns given."""
    facts = {
        "platform": "youtube", "subset": "", "manipulation": "splice", "bytes": 100_000, "width": 640, "height": 360,
        "fps": 25.0, "n_frames": 250, "duration_s": 10.0, "codec": "h264", "pixel_format": "yuv420p",
        "bitrate": 80_000.0, "rotation": 0, "pixel_aspect_ratio": 1.0, "displayed_width": 640, "displayed_height": 360,
        "video_stream": 0, "n_video_streams": 1,
    }  # fmt: skip
    table = keys.with_columns(
        video_path=pl.col("video_id") + ".mp4",
        sha256=pl.col("video_id"),
        group_names=pl.format('["{}"]', "group"),
        **{name: pl.lit(value) for name, value in facts.items()},
    )
    return table.with_columns(**{name: pl.Series(values) for name, values in columns.items()}).select(
        pl.col(name).cast(dtype) for name, dtype in INDEX_SCHEMA.items()
    )
