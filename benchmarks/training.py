"""What the search, the fit and the calibration cost next to scikit-learn's own way, and what that does to the AUC.

    python benchmarks/training.py [--json] [--quick] [--only KEY ...]

All on made-up tables of 40 columns with videos in groups of ten, one video a row, and on one thread; times are of the
processor, and the two sides run in turn. The columns are mixtures of ten factors with some noise, about as much
related as 40 random ones of the sample corpus (nine dimensions by participation ratio, eight there).

search_speedup
    Nested cross-validation of 3,000 rows in five grouped outer folds: `GridSearchCV` over a `StandardScaler` and
    `SVC(probability=True)`, refitted, over our search, calibration and fit of one expert without whitening, with the
    same C, kernels and inner folds. `auc_difference` is the absolute difference of the two areas under the ROC curve,
    each pooled over the out-of-fold probabilities (`search_auc`, `search_auc_baseline`); `search_seconds`,
    `search_seconds_baseline`. `search_speedup_default` and `search_auc_default` are with the search on a sample of
    20 %, as it is by default; `search_speedup_whitened` and `search_auc_whitened` with whitening on all rows.
nystroem_auc_difference
    Absolute difference in area under the ROC curve, on 7,500 rows of other groups, of an exact rbf machine and of its
    approximation, both with C 1 and fitted to 30,000 rows. `nystroem_speedup` is the time of the exact one over that
    of the other. By the number of components: `nystroem_auc_by_components`, and `exact_auc`.
independent_nystroem_auc_difference
    The same, of a table whose 40 columns have nothing to do with each other: the worst case for an approximation.
million_rows
    Search, calibration and fit of the default grid on a million rows of 40 columns in one process:
    `million_rows_seconds` of processor time, and `million_rows_peak_mb`, the most memory that the process took.

`--quick` takes tables a tenth as long, which shows that it runs, and nothing about speed.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from fvc_kedro.learning.candidates import svm_candidates
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Split, grouped_folds, inner_folds
from fvc_kedro.learning.metrics import roc_auc
from fvc_kedro.learning.rows import Rows

N_COLUMNS, GROUP_SIZE, SEED = 40, 10, 42
C, KERNELS, N_INNER_FOLDS = [1, 10, 0.1], ["rbf", "linear"], 3  # in order of preference
DEFAULT_COMPONENTS = 300
TARGETS = {
    "search_speedup": "at least 10",
    "auc_difference": "at most 0.005",
    "nystroem_auc_difference": "at most 0.01",
}


def made_up_rows(n_rows: int, *, independent: bool = False) -> Rows:
    """Rows whose label depends on four factors in part by their product and a square, so that no line does it all."""
    generator = np.random.default_rng(SEED)
    n_factors = N_COLUMNS if independent else 10
    of_groups = np.repeat(generator.normal(0, 0.5, (n_rows // GROUP_SIZE, n_factors)), GROUP_SIZE, axis=0)
    factors = (generator.normal(size=(n_rows, n_factors)) + of_groups) / np.sqrt(1.25)
    log_odds = 0.9 * (factors[:, 0] + factors[:, 1]) + 1.1 * factors[:, 2] * factors[:, 3] + 0.6 * factors[:, 4] ** 2
    y = (log_odds - 0.6 + generator.logistic(size=n_rows) > 0).astype(np.int64)
    values = factors
    if not independent:
        values = (factors * np.linspace(1.5, 0.5, n_factors)) @ generator.normal(size=(n_factors, N_COLUMNS))
        values += generator.normal(0, 0.35 * values.std(), values.shape)
    table = pl.DataFrame(values, schema=[f"column_{number:02d}" for number in range(N_COLUMNS)])
    numbers = np.arange(n_rows)
    return Rows(table, y, np.char.mod("g%05d", numbers // GROUP_SIZE), np.char.mod("v%06d", numbers))


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def by_scikit_learn(train: Rows, test: Rows) -> NDArray[np.float64]:
    """Probabilities of fake by an exhaustive search with a calibration inside every fit."""
    pipeline = make_pipeline(StandardScaler(), SVC(probability=True, class_weight="balanced", random_state=SEED))
    folds = inner_folds(train.y, train.groups, N_INNER_FOLDS, SEED)
    search = GridSearchCV(pipeline, {"svc__C": C, "svc__kernel": KERNELS}, scoring="roc_auc", cv=folds, n_jobs=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*probability.*", FutureWarning)  # the way out of use is the baseline
        search.fit(train.features.to_numpy(), train.y)
    return np.asarray(search.predict_proba(test.features.to_numpy())[:, 1])


def by_ours(shrinkage: float | None, fraction: float, train: Rows, test: Rows) -> NDArray[np.float64]:
    detector = VideoDetector(
        {"all": train.features.columns},
        svm_candidates(KERNELS, C, C, SEED),
        shrinkage=shrinkage,
        n_inner_folds=N_INNER_FOLDS,
        search_fraction=fraction,
        seed=SEED,
    ).fit(train.features, train.y, train.groups, train.videos)
    return np.asarray(detector.score_videos(test.features, test.videos)["probability"].to_numpy())


def search_speedup(scale: float) -> dict[str, Any]:
    rows = made_up_rows(round(3000 * scale))
    splits: list[Split] = grouped_folds(rows.y, rows.groups, 5 if scale == 1 else 2, SEED)
    ways: dict[str, Callable[[Rows, Rows], NDArray[np.float64]]] = {
        "baseline": by_scikit_learn,
        "ours": partial(by_ours, None, 1.0),
        "default": partial(by_ours, None, 0.2),
        "whitened": partial(by_ours, 0.4, 1.0),
    }
    seconds = dict.fromkeys(ways, 0.0)
    fake = {name: np.empty(len(rows)) for name in ways}
    for train, test in tqdm(splits, desc="outer folds", unit="fold", leave=False):
        for name, way in ways.items():
            took, fake[name][test] = timed(partial(way, rows.take(train), rows.take(test)))
            seconds[name] += took
    auc = {name: roc_auc(rows.y, fake[name]) for name in ways}
    return {
        "search_speedup": seconds["baseline"] / seconds["ours"],
        "auc_difference": abs(auc["baseline"] - auc["ours"]),
        "search_auc": auc["ours"],
        "search_auc_baseline": auc["baseline"],
        "search_seconds": seconds["ours"],
        "search_seconds_baseline": seconds["baseline"],
        **{f"search_speedup_{name}": seconds["baseline"] / seconds[name] for name in ("default", "whitened")},
        **{f"search_auc_{name}": auc[name] for name in ("default", "whitened")},
    }


def rbf_by_components(rows: Rows, n_train: int) -> tuple[dict[int, float], dict[int, float]]:
    """Area under the ROC curve and seconds by number of components, 0 being the exact kernel."""
    values = StandardScaler().fit(rows.features[:n_train].to_numpy()).transform(rows.features.to_numpy())
    auc, seconds = {}, {}
    for n_components in tqdm((0, 100, DEFAULT_COMPONENTS, 1000), desc="components", leave=False):
        candidate = svm_candidates(["rbf"], [], [1.0], SEED, n_components or None)[0]
        if n_components == 0:
            candidate.classifier.set_params(cache_size=1000)  # MB; the exact one at its best

        def fit_and_score(candidate: Any = candidate) -> NDArray[np.float64]:
            fitted = candidate.fit(values[:n_train], rows.y[:n_train], np.ones(n_train))
            return np.asarray(fitted.decision_function(values[n_train:]))

        seconds[n_components], margins = timed(fit_and_score)
        auc[n_components] = roc_auc(rows.y[n_train:], margins)
    return auc, seconds


def nystroem_figures(scale: float, prefix: str = "", *, independent: bool = False) -> dict[str, Any]:
    rows = made_up_rows(round(37_500 * scale), independent=independent)
    auc, seconds = rbf_by_components(rows, round(30_000 * scale))
    exact = auc.pop(0)
    return {
        f"{prefix}nystroem_auc_difference": abs(exact - auc[DEFAULT_COMPONENTS]),
        f"{prefix}nystroem_speedup": seconds[0] / seconds[DEFAULT_COMPONENTS],
        f"{prefix}exact_auc": exact,
        f"{prefix}nystroem_auc_by_components": {str(number): round(value, 4) for number, value in auc.items()},
    }


def nystroem_auc_difference(scale: float) -> dict[str, Any]:
    return nystroem_figures(scale)


def independent_nystroem_auc_difference(scale: float) -> dict[str, Any]:
    return nystroem_figures(scale, "independent_", independent=True)


def million_rows(scale: float) -> dict[str, Any]:
    rows = made_up_rows(round(1_000_000 * scale**2))
    candidates = svm_candidates(["rbf", "linear"], [0.001, 0.1], [1, 10], SEED, DEFAULT_COMPONENTS)
    detector = VideoDetector({"all": rows.features.columns}, candidates, seed=SEED)
    seconds, _ = timed(partial(detector.fit, rows.features, rows.y, rows.groups, rows.videos))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"million_rows_seconds": seconds, "million_rows_peak_mb": peak}


BENCHMARKS: dict[str, Callable[[float], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        search_speedup,
        nystroem_auc_difference,
        independent_nystroem_auc_difference,
        million_rows,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="take tables a tenth as long")
    parser.add_argument("--only", nargs="*", choices=list(BENCHMARKS), default=list(BENCHMARKS), metavar="KEY")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    with threadpool_limits(1):
        for name in tqdm(arguments.only, desc="benchmarks", unit="benchmark"):
            figures = BENCHMARKS[name](0.1 if arguments.quick else 1)
            results |= {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
    if arguments.json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:40} {value!s:>10}   {TARGETS.get(name, '')}")


if __name__ == "__main__":
    main()
