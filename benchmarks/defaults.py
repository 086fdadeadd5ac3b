"""Which defaults hold up, within corpora and from one to another.

Measure each corpus first (`kedro run --pipelines ingestion,feature_engineering --params data_root=…`), then:

    python benchmarks/defaults.py DATA_ROOT [DATA_ROOT ...] [--repeats 3] [--jobs 2] [--only CHOICE ...] > tried.csv

Every choice is searched, calibrated and fitted inside the training part of every fold, on the same folds for all
choices. A row tells the area under the ROC curve of one choice, pooled and its mean within the groups that hold both
classes: out of fold on one corpus (the mean of the repeats, with its 95 % interval by a bootstrap over groups), or
trained on one corpus and tested on another. A single small corpus moves by a tenth by luck: look at all of them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
import yaml
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from fvc_kedro.learning.cross_validation import cross_validate
from fvc_kedro.learning.resampling import draw_groups, judge_videos
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.evaluation.comparison import repeats_of
from fvc_kedro.pipelines.svm_training.nodes import assemble_training_table
from fvc_kedro.pipelines.training_rows import (
    detector_of,
    draw_folds,
    groups_of,
    labels_of,
    rows_of,
    splits_of,
    videos_of,
)

WHOLE_PICTURE = ["cooccurrence", "spectrum", "sharpness", "noise", "blockiness", "temporal", "dct", "chroma"]
MOVING = ["region.moving", "region.contrast"]
ALL = [*WHOLE_PICTURE, "region.face", "region.difference", *MOVING]
NO_EXPERT = dict.fromkeys(("whole_picture", "face", "difference", "moving"))
NOT_WHITENED = "not whitened"  # no parameter leaves whitening out
CHOICES: dict[str, dict[str, Any]] = {
    "default": {},
    "rbf kernel, C 1": {"grid": {"C": [1], "rbf_C": [1], "kernel": ["rbf"]}},
    "rbf kernel, C 10": {"grid": {"C": [1], "rbf_C": [10], "kernel": ["rbf"]}},
    "linear kernel, C 0.001": {"grid": {"C": [0.001], "rbf_C": [1], "kernel": ["linear"]}},
    "linear kernel, C 0.1": {"grid": {"C": [0.1], "rbf_C": [1], "kernel": ["linear"]}},
    "linear preferred to rbf": {"grid": {"C": [0.001, 0.1], "rbf_C": [1, 10], "kernel": ["linear", "rbf"]}},
    NOT_WHITENED: {},
    "shrinkage 0.2": {"shrinkage": 0.2},
    "shrinkage 0.7": {"shrinkage": 0.7},
    "shrinkage auto": {"shrinkage": "auto"},
    "rows of videos": {"unit": "video"},
    "one expert for all": {"experts": NO_EXPERT | {"all": ALL}},
    "face and difference in one": {
        "experts": {"face": None, "difference": None, "faces": ["region.face", "region.difference"]}
    },
    "an expert a family": {"experts": NO_EXPERT | {part.replace(".", "_"): [part] for part in ALL}},
    "without whole_picture": {"experts": {"whole_picture": None}},
    "without face": {"experts": {"face": None}},
    "without difference": {"experts": {"difference": None}},
    "without moving": {"experts": {"moving": None}},
    "with surround": {"experts": {"moving": [*MOVING, "region.surround"]}},
    "with bitstream": {"experts": {"whole_picture": [*WHOLE_PICTURE, "bitstream"]}},
}
HEADER = ["choice", "trained_on", "tested_on", "roc_auc", "roc_auc_low", "roc_auc_high", "mean_group_auc"]


def parameters_of(choice: str, n_repeats: int) -> SvmParameters:
    svm = yaml.safe_load(Path("conf/base/parameters.yml").read_text())["svm"]
    changes = dict(CHOICES[choice])
    experts = svm["experts"] | changes.pop("experts", {})
    return SvmParameters.model_validate(svm | changes | {"experts": experts, "n_repeats": n_repeats})


def table_of(root: Path, parameters: SvmParameters) -> pl.DataFrame:
    segments = pl.read_parquet(root / "04_feature/segment_features.parquet").with_columns(corpus=pl.lit(root.name))
    return assemble_training_table(segments, pl.DataFrame(), parameters.model_dump())


def judge(choice: str, train: Path, test: Path, n_repeats: int) -> list[Any]:
    """One row of the output."""
    parameters = parameters_of(choice, n_repeats)
    table = table_of(train, parameters)
    detector = detector_of(parameters, table.columns, len(table))
    if choice == NOT_WHITENED:
        detector.set_params(shrinkage=None)
    rows = rows_of(table, detector.columns)
    with threadpool_limits(1):
        if train == test:
            folds = draw_folds(videos_of(table), parameters)
            parts = []
            for repeat in folds["repeat"].unique().sort():
                found, _ = cross_validate(rows, splits_of(table, folds, repeat), detector)
                parts.append(found.with_columns(repeat=pl.lit(repeat)))
            scores = pl.concat(parts)
        else:
            detector.fit(rows.features, rows.y, rows.groups, rows.videos)
            other = table_of(test, parameters)
            found = detector.score_videos(other, other["video_id"].to_numpy().astype(np.str_))
            scores = found.join(videos_of(other), on="video_id").with_columns(repeat=pl.lit(1))
    videos, probability = repeats_of(scores)
    groups = groups_of(videos)
    counts = draw_groups(np.unique(groups).size, 1000, 7)
    figures = judge_videos(labels_of(videos), probability, groups, counts).figures()
    numbers = (*figures["roc_auc"], figures["mean_group_auc"][0])
    return [choice, train.name, test.name, *(f"{number:.3f}" for number in numbers)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", type=Path, nargs="+", metavar="DATA_ROOT", help="where a corpus was measured into")
    parser.add_argument("--repeats", type=int, default=3, help="drawings of the folds (default: 3)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--only", nargs="*", choices=list(CHOICES), default=list(CHOICES), metavar="CHOICE")
    arguments = parser.parse_args()
    pairs = [(root, root) for root in arguments.roots] + list(permutations(arguments.roots, 2))
    jobs = [(choice, *pair) for choice in arguments.only for pair in pairs]
    work = joblib.Parallel(arguments.jobs, return_as="generator")
    writer = csv.writer(sys.stdout)
    writer.writerow(HEADER)
    done = work(joblib.delayed(judge)(*job, arguments.repeats) for job in jobs)
    for row in tqdm(done, total=len(jobs), desc="choices and corpora", file=sys.stderr):
        writer.writerow(row)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
