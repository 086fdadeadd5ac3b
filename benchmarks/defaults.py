"""Which defaults hold up: families, number of selected features and grid, by nested grouped validation.

Run it after `kedro run`:

    python benchmarks/defaults.py [--data-root data] [--seeds 5]

Each choice is searched, fitted and calibrated inside the training part of every fold, on the same folds for all
choices, over several seeds of the folds. It prints one JSON object: for each choice the mean over the seeds of
the area under the ROC curve pooled over the out-of-fold videos, and of the mean area within groups.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from tqdm import tqdm

from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.cross_validation import out_of_fold
from fvc_kedro.learning.metrics import mean_group_auc, roc_auc
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.svm_training.nodes import make_folds
from fvc_kedro.pipelines.training_rows import procedure_of, rows_of, splits_of, units_of

WHOLE_PICTURE = ["cooccurrence", "spectrum", "sharpness", "noise", "blockiness", "temporal", "dct", "chroma"]
FAMILIES = {
    "classic": ["classic"],
    "whole picture": WHOLE_PICTURE,
    "region": ["region"],
    "temporal and region": ["temporal", "region"],
    "all": [*WHOLE_PICTURE, "region"],
}
GRIDS = {"C 0.1 to 10": [0.1, 1, 10], "C 0.001 to 10": [0.001, 0.1, 10]}


def choices() -> dict[str, dict[str, Any]]:
    """What to try, as changes of the parameters."""
    return {
        f"{name}, {n_features or 'all'} features, {grid}": {
            "families": families,
            "n_features": n_features,
            "grid": {"C": GRIDS[grid], "kernel": ["linear", "rbf"]},
        }
        for name, families in FAMILIES.items()
        for n_features in (0, 50)
        if n_features < len(feature_names(families))
        for grid in GRIDS
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--seeds", type=int, default=5, help="splits into folds to average over (default: 5)")
    arguments = parser.parse_args()
    svm = yaml.safe_load(Path("conf/base/parameters.yml").read_text())["svm"]
    segments = pl.read_parquet(arguments.data_root / "04_feature/segment_features.parquet")
    videos = pl.read_parquet(arguments.data_root / "04_feature/features_metadata.parquet")
    results = {}
    for name, changes in tqdm(choices().items(), desc="choices", unit="choice"):
        figures = []
        for seed in range(arguments.seeds):
            parameters = SvmParameters.model_validate(svm | changes | {"seed": seed})
            table = units_of(segments, videos, parameters.unit)
            table = table.select("video_id", "label", "group", "segment", *feature_names(parameters.families))
            folds = make_folds(table, svm | changes | {"seed": seed, "n_repeats": 1})
            found = out_of_fold(rows_of(table), list(splits_of(table, folds).values()), procedure_of(parameters))
            scores = found.probability
            figures.append((roc_auc(found.y, scores), mean_group_auc(found.y, scores, found.groups)))
        pooled, within = np.mean(figures, axis=0)
        results[name] = {"roc_auc": round(float(pooled), 3), "mean_group_auc": round(float(within), 3)}
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
