"""What a corpus gives away without a look at a pixel, and what chance looks like under our protocol.

Run it after `kedro run`:

    python benchmarks/controls.py [--data-root data] [--permutations 20]

It prints one JSON object: the AUC of the out-of-fold predictions, of models that see the container's facts
only (on the same kind of folds, over five seeds), and of the whole training with permuted labels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fvc_kedro.pipelines.svm_training.nodes import make_folds, predict_out_of_fold, search_folds, train_fold_models

CONTAINER_FACTS = ["bytes", "width", "height", "fps", "n_frames", "duration_s", "bitrate"]


def pooled_auc(predictions: pl.DataFrame) -> float:
    return float(roc_auc_score(predictions["label"] == "fake", predictions["probability"]))


def metadata_auc(index: pl.DataFrame, model: Any, seed: int) -> float:
    y = (index["label"] == "fake").to_numpy().astype(int)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    facts = np.log1p(index.select(CONTAINER_FACTS).to_numpy())
    scores = cross_val_predict(model, facts, y, groups=index["group"].to_numpy(), cv=folds, method="predict_proba")
    return float(roc_auc_score(y, scores[:, 1]))


def permuted_auc(table: pl.DataFrame, svm: dict[str, Any], generator: np.random.Generator) -> float:
    """Train and judge once with labels permuted within each group, as the sample corpus has them."""
    shuffled = table.with_columns(label=pl.Series(_permute_within(table, generator)))
    folds = make_folds(shuffled, svm)
    grid = search_folds(shuffled, folds, svm)
    models = {name: lambda model=model: model for name, model in train_fold_models(shuffled, folds, grid, svm).items()}
    return pooled_auc(predict_out_of_fold(shuffled, folds, models))


def _permute_within(table: pl.DataFrame, generator: np.random.Generator) -> list[str]:
    labels = table["label"].to_numpy().copy()
    groups = table["group"].to_numpy()
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        labels[rows] = generator.permutation(labels[rows])
    return labels.tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--permutations", type=int, default=20)
    arguments = parser.parse_args()
    root = arguments.data_root
    svm = yaml.safe_load(Path("conf/base/parameters.yml").read_text())["svm"]
    index = pl.read_parquet(root / "02_intermediate/corpus_index.parquet")
    table = pl.read_parquet(root / "05_model_input/training_table.parquet")
    models = {
        "metadata_logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "metadata_boosting": HistGradientBoostingClassifier(min_samples_leaf=5),
    }
    generator = np.random.default_rng(0)
    permuted = [permuted_auc(table, svm, generator) for _ in range(arguments.permutations)]
    result = {"svm": pooled_auc(pl.read_parquet(root / "07_model_output/oof_predictions.parquet"))}
    for name, model in models.items():
        result[name] = float(np.mean([metadata_auc(index, model, seed) for seed in range(5)]))
    result |= {"permuted_mean": float(np.mean(permuted)), "permuted_std": float(np.std(permuted))}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
