"""What the search, the fit and the calibration cost next to scikit-learn's own way, and what that does to the AUC.

    python benchmarks/training.py [--json] [--quick] [--only KEY ...]

All on made-up tables of 40 columns with videos in groups of ten, one video a row, and on one thread; times are of the
processor, and the two sides run in turn. The columns are mixtures of ten factors with some noise, about as much
related as 40 random ones of the sample corpus (nine dimensions by participation ratio, eight there).

search_speedup
    Nested cross-validation of 3,000 rows in five grouped outer folds: `GridSearchCV` over a `StandardScaler` and
    `SVC(probability=True)`, refitted, over our search, fit and calibration, with the same C, kernels and inner
    folds. `auc_difference` is the absolute difference of the two areas under the ROC curve, each pooled over the
    out-of-fold probabilities (`search_auc`, `search_auc_baseline`); `search_seconds`, `search_seconds_baseline`.
    `search_speedup_default` and `search_auc_default` are with the search on a sample of 20 %, as it is by default.
nystroem_auc_difference
    Absolute difference in area under the ROC curve, on 7,500 rows of other groups, of an exact rbf machine and of its
    approximation, both with C 1 and fitted to 30,000 rows. `nystroem_speedup` is the time of the exact one over that
    of the other. By the number of components: `nystroem_auc_by_components`, and `exact_auc`.
independent_nystroem_auc_difference
    The same, of a table whose 40 columns have nothing to do with each other: the worst case for an approximation.
shared_fits_speedup
    By the shape of a training part: three rbf machines, C 0.1, 1 and 10, each fitted and asked for the margins of half
    as many rows on its own, over the same with the kernel's values shared, as the search does it. Median of five.

`--quick` takes tables a tenth as long, which shows that it runs, and nothing about speed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from fvc_kedro.learning.cross_validation import fit_best, judge
from fvc_kedro.learning.detector import make_classifier
from fvc_kedro.learning.folds import Labels, Split, grouped_folds, inner_folds
from fvc_kedro.learning.metrics import roc_auc
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import Search, search_grid
from fvc_kedro.learning.shared_fits import margins_of_each

N_COLUMNS, GROUP_SIZE, SEED = 40, 10, 42
SEARCH = Search(C=[0.1, 1, 10], kernels=["linear", "rbf"], fraction=1.0, min_videos=200, n_folds=3, seed=SEED)
DEFAULT_SEARCH = Search(C=[0.1, 1, 10], kernels=["linear", "rbf"], fraction=0.2, min_videos=200, n_folds=3, seed=SEED)
N_CALIBRATION_FOLDS = 3
DEFAULT_COMPONENTS = SEARCH.rbf_n_components
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
    machine = make_pipeline(StandardScaler(), SVC(probability=True, class_weight="balanced", random_state=SEED))
    grid = {"svc__C": list(SEARCH.C), "svc__kernel": list(SEARCH.kernels)}
    folds = inner_folds(train.y, train.groups, SEARCH.n_folds, SEED)
    search = GridSearchCV(machine, grid, scoring="roc_auc", cv=folds, n_jobs=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*probability.*", FutureWarning)  # the way out of use is the baseline
        search.fit(train.features.to_numpy(), train.y)
    return np.asarray(search.predict_proba(test.features.to_numpy())[:, 1])


def by_ours(search: Search, train: Rows, test: Rows) -> NDArray[np.float64]:
    detector = fit_best(train, search_grid(train, search), search, N_CALIBRATION_FOLDS)
    return np.array([fake for _, fake in judge(detector, test).values()])


def search_speedup(scale: float) -> dict[str, Any]:
    rows = made_up_rows(round(3000 * scale))
    splits: list[Split] = grouped_folds(rows.y, rows.groups, 5 if scale == 1 else 2, SEED)
    ways: dict[str, Callable[[Rows, Rows], NDArray[np.float64]]] = {
        "baseline": by_scikit_learn,
        "ours": partial(by_ours, SEARCH),
        "default": partial(by_ours, DEFAULT_SEARCH),
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
        "search_speedup_default": seconds["baseline"] / seconds["default"],
        "search_auc_default": auc["default"],
    }


def rbf_by_components(rows: Rows, n_train: int) -> tuple[dict[int, float], dict[int, float]]:
    """Area under the ROC curve and seconds by number of components, 0 being the exact machine."""
    values = StandardScaler().fit(rows.features[:n_train].to_numpy()).transform(rows.features.to_numpy())
    auc, seconds = {}, {}
    for n_components in tqdm((0, 100, DEFAULT_COMPONENTS, 1000), desc="components", leave=False):
        machine = make_classifier("rbf", 1.0, SEED, n_components=n_components)
        if n_components == 0:
            machine.set_params(cache_size=1000)  # MB; the exact one at its best

        def fit_and_judge(machine: Any = machine) -> NDArray[np.float64]:
            fitted = machine.fit(values[:n_train], rows.y[:n_train])
            return np.asarray(fitted.decision_function(values[n_train:]))

        seconds[n_components], margins = timed(fit_and_judge)
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


def fit_each_alone(
    machines: list[Any], train: NDArray[np.float64], y: Labels, weights: NDArray[np.float64], test: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    return [clone(machine).fit(train, y, sample_weight=weights).decision_function(test) for machine in machines]


def fit_each_shared(*given: Any) -> list[NDArray[np.float64]]:
    return list(margins_of_each(*given))


def shared_fits_speedup(scale: float) -> dict[str, Any]:
    machines = [make_classifier("rbf", C, SEED) for C in SEARCH.C]
    speedups = {}
    for n_rows, n_columns in ((100, 769), (600, 40), (2000, 40), (2000, 769)):
        n_train = max(round(n_rows * scale), 100)
        generator = np.random.default_rng(SEED)
        values = generator.normal(size=(n_train + n_train // 2, n_columns))
        score = values[:, 0] + values[:, 1] * values[:, 2] + generator.normal(size=len(values))
        given = (values[:n_train], (score[:n_train] > 0).astype(np.int64), np.ones(n_train), values[n_train:])
        alone, shared = partial(fit_each_alone, machines, *given), partial(fit_each_shared, machines, *given)
        np.testing.assert_allclose(shared(), alone(), rtol=1e-6, atol=1e-8)
        ratios = [timed(alone)[0] / timed(shared)[0] for _ in range(5)]
        speedups[f"{n_train} x {n_columns}"] = round(statistics.median(ratios), 1)
    return {"shared_fits_speedup": speedups}


BENCHMARKS: dict[str, Callable[[float], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        search_speedup,
        nystroem_auc_difference,
        independent_nystroem_auc_difference,
        shared_fits_speedup,
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
