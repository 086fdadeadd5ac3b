"""What alignment to an unlabelled batch changes between corpora, and where it is unsafe.

Measure each corpus first (`kedro run --pipelines ingestion,feature_engineering --params data_root=…`), then:

    python benchmarks/alignment.py DATA_ROOT DATA_ROOT [DATA_ROOT ...] [--rest] [--only VARIANT ...] > aligned.csv
    python benchmarks/alignment.py DATA_ROOT DATA_ROOT [DATA_ROOT ...] --batches > batches.csv

Detectors of the default parameters are trained on each corpus and tested on each other, and trained on all but one
and tested on that one ("the rest"; with --rest, these alone). A row
tells the pooled area under the ROC curve of one variant with its 95 %
interval by a bootstrap over the groups of the corpus tested, the mean within groups, how much the former differs from
that of the detector as it is (paired), and which share of fakes and of reals has a probability of one half or more. The
rows "mean" average over the tests. With --batches, the built variant is tried on small batches of one video a group, of
which 0, 50 or 100 % are fake, drawn from the corpus tested or from the half of a corpus that was not trained on: the
shares called fake with their standard deviation over batches, and the share of batches in which the plain margins of
more than 90 % are on one side ("extreme").
"""

from __future__ import annotations

import argparse
import copy
import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
from defaults import parameters_of, table_of
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from fvc_kedro.learning.alignment import Moments, moments_of
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.metrics import roc_auc
from fvc_kedro.learning.resampling import draw_groups, interval, judge_videos
from fvc_kedro.learning.rows import balanced_weights, first_rows
from fvc_kedro.pipelines.training_rows import corpora_of, detector_of, groups_of, labels_of, rows_of

Values = NDArray[np.float64]
REST, OTHERS, SAME = "the rest", "each other", "other groups of the same"
HEADER = ["variant", "trained_on", "tested_on", "roc_auc", "roc_auc_low", "roc_auc_high", "mean_group_auc"]
HEADER += ["difference", "difference_low", "difference_high", "fakes_called_fake", "reals_called_fake"]
BATCH_HEADER = ["variant", "trained_on", "fakes", "groups", "n_batches", "extreme"]
BATCH_HEADER += ["fakes_called_fake", "fakes_sd", "reals_called_fake", "reals_sd", "roc_auc"]


def shifted(source: Moments, batch: Moments, shrinkage: float) -> Values:  # noqa: ARG001 - as the others
    """Map of the mean only."""
    return np.eye(len(source.mean))


def stretched(source: Moments, batch: Moments, shrinkage: float) -> Values:  # noqa: ARG001
    """Map of mean and standard deviation, column by column."""
    wanted, there = np.diag(source.covariance), np.diag(batch.covariance)
    return np.diag(np.sqrt(np.where(there > 1e-9, wanted / np.maximum(there, 1e-9), 1.0)))


def coloured(source: Moments, batch: Moments, shrinkage: float) -> Values:
    """CORAL's map, both covariances shrunk towards a multiple of the identity."""
    return root(shrunk(batch.covariance, shrinkage), -0.5) @ root(shrunk(source.covariance, shrinkage), 0.5)


def least_moving(source: Moments, batch: Moments, shrinkage: float) -> Values:
    """Symmetric map, both covariances shrunk towards a multiple of the identity."""
    there, wanted = shrunk(batch.covariance, shrinkage), shrunk(source.covariance, shrinkage)
    middle = root(root(there, 0.5) @ wanted @ root(there, 0.5), 0.5)
    return root(there, -0.5) @ middle @ root(there, -0.5)


def shrunk(covariance: Values, shrinkage: float) -> Values:
    return (1 - shrinkage) * covariance + shrinkage * np.diag(covariance).mean() * np.eye(len(covariance))


def root(matrix: Values, exponent: float) -> Values:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-9 * max(values.max(), 1e-12)) ** exponent) @ vectors.T


class Mapped(TransformerMixin, BaseEstimator):
    """A batch mapped on the moments of the rows trained on."""

    def __init__(self, make: Callable[..., Values], shrinkage: float | str, source: Moments) -> None:
        self.make, self.shrinkage, self.source = make, shrinkage, source

    def fit(self, X: Values, videos: NDArray[np.str_]) -> Mapped:  # noqa: N803
        weights = balanced_weights(np.zeros(len(X), np.int64), videos)
        batch, shrinkage = moments_of(X, weights), self.shrinkage
        if isinstance(shrinkage, str):
            shrinkage = ledoit_wolf_shrinkage((X - batch.mean) * np.sqrt(weights)[:, None], assume_centered=True)
        self.mean_, self.map_ = batch.mean, self.make(self.source, batch, shrinkage)
        return self

    def transform(self, X: Values) -> Values:  # noqa: N803
        return (X - self.mean_) @ self.map_ + self.source.mean


# Where, by which map, with which shrinkage; whether both classes trained on count the same.
MAPS: dict[str, tuple[str, Callable[..., Values], float | str, bool]] = {}
for place in ("before cutting", "after cutting", "whitened"):
    MAPS |= {
        f"mean, {place}": (place, shifted, 0.0, True),
        f"mean and deviation, {place}": (place, stretched, 0.0, True),
        **{f"CORAL {a}, {place}": (place, coloured, a, True) for a in (0.1, 0.5, 0.9, "Ledoit-Wolf")},
        f"symmetric .1, {place}": (place, least_moving, 0.1, True),
    }
MAPS |= {
    "mean, after cutting, classes as trained": ("after cutting", shifted, 0.0, False),
    "CORAL 0.5, after cutting, classes as trained": ("after cutting", coloured, 0.5, False),
}
PRIORS = {f"built, prior {n}": float(n) for n in (1, 5, 20, 60)}
PLAIN, BUILT, POOLED = "plain", "built, prior 5", "built, prior 5, covariance over all corpora"
VARIANTS = [PLAIN, *PRIORS, POOLED, *MAPS]


def aligned(detector: VideoDetector, table: pl.DataFrame, batch: pl.DataFrame, variant: str) -> VideoDetector:
    """The detector trained on a table, aligned to a batch."""
    if variant == PLAIN:
        return detector
    videos = batch["video_id"].to_numpy().astype(np.str_)
    if variant in PRIORS:
        return detector.aligned_to(batch, videos, PRIORS[variant])
    changed = copy.copy(detector)
    if variant == POOLED:
        changed.moments_ = {
            name: source_of(expert[:2], table.select(detector.experts[name]), table, within=False)
            for name, expert in detector.experts_.items()
            if expert is not None
        }
        return changed.aligned_to(batch, videos, PRIORS[BUILT])
    place, make, shrinkage, equal_classes = MAPS[variant]
    changed.experts_ = dict(detector.experts_)
    for name, expert in detector.experts_.items():
        values = batch.select(detector.experts[name]).to_numpy()
        present = ~np.isnan(values).all(axis=1)
        if expert is None or not present.any():
            continue
        before, after = parted(expert, place)
        source = source_of(before, table.select(detector.experts[name]), table, equal_classes)
        align = Mapped(make, shrinkage, source).fit(before.transform(values[present]), videos[present])
        changed.experts_[name] = Pipeline([*before.steps, ("align", align), *after])
    return changed


def source_of(
    before: Pipeline, columns: pl.DataFrame, table: pl.DataFrame, equal_classes: bool = True, within: bool = True
) -> Moments:
    """Moments of the rows trained on; the covariance within the corpora or over all of them."""
    trained = columns.to_numpy()
    known = ~np.isnan(trained).all(axis=1)
    y, corpora = labels_of(table)[known], corpora_of(table)[known]
    weights = balanced_weights(y, table["video_id"].to_numpy().astype(np.str_)[known], corpora)
    if equal_classes:
        weights /= np.bincount(y, weights)[y]
    return moments_of(before.transform(trained[known]), weights, corpora if within else None)


def parted(expert: Pipeline, place: str) -> tuple[Pipeline, list[Any]]:
    """Steps before and after the place where rows are aligned."""
    if place == "whitened":
        return expert[:3], expert.steps[3:]
    if place == "after cutting":
        return expert[:2], expert.steps[2:]
    scale = copy.copy(expert["scale"]).set_params(limit=np.inf)
    cut = FunctionTransformer(np.clip, kw_args={"a_min": -expert["scale"].limit, "a_max": expert["scale"].limit})
    return Pipeline([expert.steps[0], ("scale", scale)]), [("cut", cut), *expert.steps[2:]]


def load(root_: Path) -> pl.DataFrame:
    names = (pl.format(f"{root_.name}/{{}}", pl.col(name)).alias(name) for name in ("video_id", "group"))
    return table_of(root_, parameters_of("default", 1)).with_columns(names)


def trained_on(table: pl.DataFrame) -> VideoDetector:
    detector = detector_of(parameters_of("default", 1), table.columns, len(table))
    rows = rows_of(table, detector.columns)
    return detector.fit(rows.features, rows.y, rows.groups, rows.videos, corpora=rows.corpora)


def scored(detector: VideoDetector, table: pl.DataFrame) -> tuple[Values, Values, NDArray[np.int64], NDArray[np.str_]]:
    """Margin, probability, label and group of each video."""
    videos = table["video_id"].to_numpy().astype(np.str_)
    scores, first = detector.score_videos(table, videos), first_rows(videos)
    return (
        *(scores[name].to_numpy() for name in ("margin", "probability")),
        labels_of(table)[first],
        groups_of(table)[first],
    )


def test(name: str, train: list[Path], tests: list[Path], variants: list[str]) -> list[dict[str, Any]]:
    """Figures of every variant of one detector on other corpora, with their resamples."""
    found = []
    with threadpool_limits(1):
        table = pl.concat([load(one) for one in train], how="diagonal")
        detector = trained_on(table)
        for other in tests:
            batch = load(other)
            for variant in variants:
                _, probability, y, groups = scored(aligned(detector, table, batch, variant), batch)
                judged = judge_videos(y, probability, groups, draw_groups(np.unique(groups).size, 1000, 7))
                shares = [float((probability[y == label] >= 0.5).mean()) for label in (1, 0)]
                found.append(
                    {"variant": variant, "trained": name, "tested": other.name, "shares": shares}
                    | {part: judged.whole[part][0] for part in ("roc_auc", "mean_group_auc")}
                    | {"resampled": judged.resampled["roc_auc"]}
                )
    return found


def rows_of_figures(found: list[dict[str, Any]], variants: list[str]) -> Iterator[list[Any]]:
    plain = {(one["trained"], one["tested"]): one for one in found if one["variant"] == PLAIN}
    for one in found:
        other = plain[one["trained"], one["tested"]]
        one["less"] = (one["roc_auc"] - other["roc_auc"], one["resampled"] - other["resampled"])
        yield written(one["variant"], one["trained"], one["tested"], [one])
    for variant in variants:
        own = [one for one in found if one["variant"] == variant]
        for name, parts in (
            (OTHERS, [one for one in own if one["trained"] != REST]),
            (REST, [one for one in own if one["trained"] == REST]),
        ):
            if parts:
                yield written(variant, name, "mean", parts)


def written(variant: str, trained: str, tested: str, parts: list[dict[str, Any]]) -> list[Any]:
    """A row of the mean over tests; groups are drawn once for all tests on a corpus."""
    resampled = np.nanmean([part["resampled"] for part in parts], axis=0)
    less = np.nanmean([part["less"][1] for part in parts], axis=0)
    numbers = [np.mean([part["roc_auc"] for part in parts]), *interval(resampled)]
    numbers += [np.nanmean([part["mean_group_auc"] for part in parts])]
    numbers += [np.mean([part["less"][0] for part in parts]), *interval(less)]
    numbers += np.mean([part["shares"] for part in parts], axis=0).tolist()
    return [variant, trained, tested, *(f"{number:.3f}" for number in numbers)]


def try_batches(kind: str, train: list[Path], tests: list[Path], n_draws: int = 8) -> list[tuple[Any, ...]]:
    """Shares called fake in small batches of one video a group."""
    table = pl.concat([load(one) for one in train], how="diagonal")
    if kind != SAME:
        return [row for other in tests for row in batches_of(kind, table, load(other), n_draws)]
    groups = np.unique(groups_of(table))
    if len(groups) < 12:
        return []
    half = np.isin(groups_of(table), np.random.default_rng(0).permutation(groups)[: len(groups) // 2])
    parts = table.filter(pl.Series(half)), table.filter(pl.Series(~half))
    return [row for seen, unseen in (parts, parts[::-1]) for row in batches_of(kind, seen, unseen, n_draws)]


def batches_of(kind: str, table: pl.DataFrame, whole: pl.DataFrame, n_draws: int) -> Iterator[tuple[Any, ...]]:
    videos = whole.select("video_id", "label", "group").unique("video_id").sort("video_id")
    with threadpool_limits(1):
        detector = trained_on(table)
        for share, n_groups in ((share, n) for share in (0.0, 0.5, 1.0) for n in (2, 6, 12, 20)):
            generator = np.random.default_rng(n_groups)
            for _ in range(n_draws):
                drawn = draw_batch(videos, share, n_groups, generator)
                if drawn is None:
                    break
                batch = whole.filter(pl.col("video_id").is_in(drawn))
                extreme = not 0.1 <= (scored(detector, batch)[0] > 0).mean() <= 0.9
                for variant in (PLAIN, BUILT):
                    margin, probability, y, _ = scored(aligned(detector, table, batch, variant), batch)
                    called = [
                        (probability[y == label] >= 0.5).mean() if (y == label).any() else None for label in (1, 0)
                    ]
                    yield variant, kind, share, n_groups, extreme, *called, roc_auc(y, margin)


def draw_batch(videos: pl.DataFrame, share: float, n_groups: int, generator: np.random.Generator) -> list[str] | None:
    """A video of each of some groups, or None where there are too few groups of a class."""
    shuffled = videos.sample(fraction=1.0, shuffle=True, seed=int(generator.integers(2**31)))
    n_fake = round(share * n_groups)
    fakes = shuffled.filter(label="fake").unique("group", keep="first", maintain_order=True).head(n_fake)
    reals = shuffled.filter(pl.col("label") == "real", ~pl.col("group").is_in(fakes["group"].implode()))
    reals = reals.unique("group", keep="first", maintain_order=True).head(n_groups - n_fake)
    drawn = [*fakes["video_id"], *reals["video_id"]]
    return drawn if len(drawn) == n_groups else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", type=Path, nargs="+", metavar="DATA_ROOT", help="where a corpus was measured into")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=VARIANTS, metavar="VARIANT")
    parser.add_argument("--rest", action="store_true", help="leave out the tests from each corpus to each other")
    parser.add_argument("--batches", action="store_true", help="try small batches and extreme shares of fakes")
    arguments = parser.parse_args()
    roots, variants = arguments.roots, list(dict.fromkeys([PLAIN, *arguments.only]))
    jobs = [(one.name, [one], [other for other in roots if other != one]) for one in roots if not arguments.rest]
    if len(roots) > 2:
        jobs += [(REST, [other for other in roots if other != one], [one]) for one in roots]
    writer = csv.writer(sys.stdout)
    work = joblib.Parallel(arguments.jobs, return_as="generator")
    if arguments.batches:
        jobs = [(OTHERS if len(train) == 1 else name, train, tests) for name, train, tests in jobs]
        jobs += [(SAME, [one], []) for one in roots]
        parts = work(joblib.delayed(try_batches)(*job) for job in jobs)
        names = ["variant", "trained_on", "fakes", "groups", "extreme", "f", "r", "roc_auc"]
        rows = [row for part in tqdm(parts, total=len(jobs), file=sys.stderr) for row in part]
        table = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
        mean, deviation = pl.col("f", "r").mean().name.suffix("_mean"), pl.col("f", "r").std().name.suffix("_sd")
        grouped = table.group_by("variant", "trained_on", "fakes", "groups", maintain_order=True)
        means = grouped.agg(pl.len(), pl.col("extreme").mean(), mean, deviation, pl.col("roc_auc").mean())
        order = [
            "variant",
            "trained_on",
            "fakes",
            "groups",
            "len",
            "extreme",
            "f_mean",
            "f_sd",
            "r_mean",
            "r_sd",
            "roc_auc",
        ]
        writer.writerow(BATCH_HEADER)
        for row in means.sort("trained_on", "fakes", "groups", "variant").select(order).iter_rows():
            writer.writerow(f"{value:.3f}" if isinstance(value, float) else value for value in row)
        return
    writer.writerow(HEADER)
    found = work(joblib.delayed(test)(*job, variants) for job in jobs)
    every = [one for part in tqdm(found, total=len(jobs), file=sys.stderr) for one in part]
    writer.writerows(rows_of_figures(every, variants))


if __name__ == "__main__":
    main()
