"""Made-up tables for the evaluation, under the names of real columns."""

import numpy as np
import polars as pl
import yaml

from conftest import REPOSITORY
from fvc_kedro.forensics import feature_names
from fvc_kedro.pipelines.ingestion.nodes import INDEX_SCHEMA
from fvc_kedro.pipelines.svm_training.nodes import GRID_SCHEMA, make_folds

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())
SVM = PARAMETERS["svm"] | {
    "families": ["bitstream", "chroma"],
    "grid": {"C": [0.1], "kernel": ["linear"]},
    "n_folds": 3,
    "n_repeats": 2,
    "search": PARAMETERS["svm"]["search"] | {"n_folds": 2},
    "n_calibration_folds": 2,
    "outer": "stratified_groups",
}
EVALUATION = PARAMETERS["evaluation"] | {"n_bootstrap": 200, "n_permutations": 19, "n_shuffles": 4}
COLUMNS = feature_names(["bitstream", "chroma"])


def key_table(n_groups=12, a_group=4, pure=False):
    """A row a video; groups hold both classes, or one each."""
    n_videos = n_groups * a_group
    fake = np.repeat(np.arange(n_groups) % 2, a_group) if pure else np.tile([0, 1], n_videos // 2)
    return pl.DataFrame(
        {
            "video_id": [f"v{number:03d}" for number in range(n_videos)],
            "label": np.where(fake == 1, "fake", "real"),
            "group": np.repeat([f"g{number:02d}" for number in range(n_groups)], a_group),
        }
    )


def segments_of(keys, n_segments=2, separation=1.0, family="chroma", seed=0, families=("bitstream", "chroma")):
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
    return segments.select("video_id", "label", "group", "segment", *COLUMNS)


def videos_of(segments):
    names = [name for name in segments.columns if name not in ("segment", "start_s", "end_s")]
    return segments.select(names).group_by("video_id", "label", "group", maintain_order=True).mean()


def folds_of(keys, **changes):
    return make_folds(keys, SVM | changes)


def grid_of(points=(("linear", 0.1),), scopes=("fold_1", "all")):
    """Results of a search, the first point the best."""
    rows = [(scope, *point, 0.7, 0.1, rank, 48) for scope in scopes for rank, point in enumerate(points, start=1)]
    return pl.DataFrame(rows, schema=GRID_SCHEMA, orient="row")


def index_of(keys, **columns):
    """A corpus index with the same facts for every video, but for the columns given."""
    facts = {
        "platform": "youtube", "subset": "", "manipulation": "splice", "bytes": 100_000, "width": 640, "height": 360,
        "fps": 25.0, "n_frames": 250, "duration_s": 10.0, "codec": "h264", "pixel_format": "yuv420p",
        "bitrate": 80_000.0, "rotation": 0,
    }  # fmt: skip
    table = keys.with_columns(
        video_path=pl.col("video_id") + ".mp4", sha256=pl.col("video_id"), **{k: pl.lit(v) for k, v in facts.items()}
    )
    return table.with_columns(**{name: pl.Series(values) for name, values in columns.items()}).select(
        pl.col(name).cast(dtype) for name, dtype in INDEX_SCHEMA.items()
    )
