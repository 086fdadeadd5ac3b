"""Two evaluated runs side by side: parameters, metrics, and the videos that changed sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from fvc_kedro.datasets.lineage import LineageDataset
from fvc_kedro.learning.resampling import METRICS, draw_groups, judge_videos
from fvc_kedro.pipelines.evaluation.comparison import repeats_of
from fvc_kedro.pipelines.training_rows import groups_of, labels_of, mean_predictions

PREDICTIONS = "oof_predictions"
_ARTIFACT = f"reports/{PREDICTIONS}.parquet"
_N_RESAMPLES, _SEED = 2000, 7
_SHOWN = 20


class NoResultsError(LookupError):
    """There are no results of a run to compare; the text says why."""


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """What a run was made with, and what it predicted.

    Parameters
    ----------
    title : str
        What it is, for the reader.
    parameters : mapping of str to str
        By dotted name.
    predictions : DataFrame
        The dataset ``oof_predictions``.
    """

    title: str
    parameters: Mapping[str, str]
    predictions: pl.DataFrame


def read_folder(places: Mapping[str, Path], folder: str) -> EvaluatedRun:
    """Read what lies under a folder of results.

    Parameters
    ----------
    places : mapping of str to Path
        Where each dataset of the catalog lies.
    folder : str
        The folder.

    Raises
    ------
    NoResultsError
        If there are no predictions in it.
    """
    if not places[PREDICTIONS].exists():
        raise NoResultsError(f"{folder} holds no {PREDICTIONS}: kedro run --params data_root={folder} makes them")
    lineage = LineageDataset(path=str(places["lineage"])).load()
    parameters = {
        key: str(value)
        for name in lineage.ancestry(PREDICTIONS)
        for key, value in lineage.records[name].parameters.items()
    }
    run = lineage.run_of(PREDICTIONS)
    return EvaluatedRun(
        f"{folder}{f', {run.started}' if run else ''}", parameters, pl.read_parquet(places[PREDICTIONS])
    )


def read_mlflow_run(address: str, run: str) -> EvaluatedRun:
    """Read a run from MLflow.

    Parameters
    ----------
    address : str
        The tracking store.
    run : str
        Identifier of the run, or its first characters.

    Raises
    ------
    NoResultsError
        If there is no such run, more than one, or one without predictions.
    """
    found = [identifier for identifier in evaluated_runs(address) if identifier.startswith(run)]
    if len(found) != 1:
        raise NoResultsError(
            f"{run!r} is no folder, and {len(found) or 'no'} runs in MLflow that kept their predictions begin with it "
            f"({address})"
        )
    from mlflow import MlflowClient  # noqa: PLC0415 - folders are compared without it

    client = MlflowClient(address)
    data = client.get_run(found[0]).data
    with TemporaryDirectory() as folder:
        predictions = pl.read_parquet(client.download_artifacts(found[0], _ARTIFACT, folder), memory_map=False)
    return EvaluatedRun(f"run {found[0]} ({data.tags.get('mlflow.runName', '')})", data.params, predictions)


def evaluated_runs(address: str) -> list[str]:
    """List the runs in MLflow that kept their predictions, the latest first."""
    from mlflow import MlflowClient  # noqa: PLC0415 - folders are compared without it

    client = MlflowClient(address)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, "attributes.status = 'FINISHED'", order_by=["attributes.start_time DESC"])
    return [
        run.info.run_id
        for run in runs
        if "mlflow.parentRunId" not in run.data.tags
        and any(file.path == _ARTIFACT for file in client.list_artifacts(run.info.run_id, "reports"))
    ]


def compare(first: EvaluatedRun, second: EvaluatedRun) -> Iterator[str]:
    """Lay out two runs side by side, line by line.

    Metrics are of the videos in both, and their differences (the second less the first) have 95 % intervals by a
    bootstrap over groups, on the same resamples.
    """
    yield from (f"first   {first.title}", f"second  {second.title}", "", "Parameters that differ")
    differing = [
        (name, value, second.parameters[name])
        for name, value in sorted(first.parameters.items())
        if name in second.parameters and second.parameters[name] != value
    ]
    yield from (f"  {name}: {then} -> {now}" for name, then, now in differing)
    if not differing:
        yield "  none"
    on = ["video_id", "label"]
    one, other = (
        here.predictions.join(there.predictions, on=on, how="semi")
        for here, there in ((first, second), (second, first))
    )
    n_videos = one["video_id"].n_unique()
    alone = [run.predictions["video_id"].n_unique() - n_videos for run in (first, second)]
    yield ""
    yield f"{n_videos} videos are in both; only in the first {alone[0]}, only in the second {alone[1]}"
    if one["label"].n_unique() < 2:
        return
    yield from _metrics(one, other)
    yield from _changed_sides(one, other)


def _metrics(one: pl.DataFrame, other: pl.DataFrame) -> Iterator[str]:
    (videos, first), (_, second) = repeats_of(one), repeats_of(other)
    y, groups = labels_of(videos), groups_of(videos)
    counts = draw_groups(np.unique(groups).size, _N_RESAMPLES, _SEED)
    before, after = judge_videos(y, first, groups, counts), judge_videos(y, second, groups, counts)
    yield f"  {'metric':28} {'first':>7} {'second':>7}  difference (95 % over groups)"
    differences = after.less(before)
    for name in (name for name, better in METRICS.items() if better is not None):
        values = before.whole[name][0], after.whole[name][0]
        if np.isfinite(values).all():
            by, low, high = differences[name]
            interval = f" ({low:+.3f} to {high:+.3f})" if np.isfinite([low, high]).all() else ""
            yield f"  {name:28} {values[0]:7.3f} {values[1]:7.3f}  {by:+.3f}{interval}"


def _changed_sides(one: pl.DataFrame, other: pl.DataFrame) -> Iterator[str]:
    before, after = (mean_predictions(predictions) for predictions in (one, other))
    both = before.join(after.select("video_id", second="probability", then="predicted"), on="video_id")
    changed = both.filter(pl.col("predicted") != pl.col("then"))
    changed = changed.sort((pl.col("second") - pl.col("probability")).abs(), descending=True)
    n_right = changed.filter(pl.col("then") == pl.col("label")).height
    yield ""
    yield (
        f"{len(changed)} videos changed sides (mean probability over the repeats, fake from one half on): "
        f"{n_right} are right now, {len(changed) - n_right} wrong"
    )
    for row in changed.head(_SHOWN).iter_rows(named=True):
        yield f"  {row['label']:4} {row['probability']:.3f} -> {row['second']:.3f}  {row['video_id']}"
    if len(changed) > _SHOWN:
        yield f"  and {len(changed) - _SHOWN} more"
