"""The project's own commands, beside Kedro's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project


@click.group(name="fvc_kedro")
def cli() -> None:
    """Commands of fvc_kedro."""


@cli.command()
@click.option("--env", default=None, help="Configuration environment, such as fvc.")
@click.option("--data-root", default=None, help="Folder that the results were written under, if not the usual one.")
def results(env: str | None, data_root: str | None) -> None:
    """Print the headline figures of the last run and where its results lie."""
    project = Path.cwd()
    bootstrap_project(project)
    runtime = {"data_root": data_root} if data_root else {}
    with KedroSession.create(project_path=project, env=env, runtime_params=runtime) as session:
        catalog = session.load_context().catalog  # type: ignore[attr-defined]
        if not catalog.exists("evaluation_summary"):
            raise click.ClickException("there are no results yet: run kedro run first")
        summary = catalog.load("evaluation_summary")
        place = Path(str(catalog["evaluation_summary"]._filepath)).parent.parent
    click.echo(headline(summary, place))


@cli.command()
def features() -> None:
    """Print every feature with definition, unit, invariance, cost and source, as Markdown."""
    from fvc_kedro.forensics.reference import features_markdown  # noqa: PLC0415 - other commands measure nothing

    project = Path.cwd()
    bootstrap_project(project)
    with KedroSession.create(project_path=project) as session:
        context: Any = session.load_context()  # type: ignore[attr-defined]
        click.echo(features_markdown(context.params["svm"]["families"]), nl=False)


def headline(summary: dict[str, Any], place: Path) -> str:
    """Lay out the headline figures of a run.

    Parameters
    ----------
    summary : dict
        The dataset ``evaluation_summary``.
    place : Path
        Folder of all results.
    """
    interval = "no interval: too few groups"
    if summary["roc_auc_low"] is not None:
        interval = f"95 % interval {summary['roc_auc_low']:.3f} to {summary['roc_auc_high']:.3f}, over groups"
    test = f"share of {summary['n_permutations']:.0f} trainings with permuted labels that do as well"
    warnings = []
    if summary["few_groups"]:
        warnings.append("! few groups: go by the permutation test rather than the interval")
    if summary["metadata_separate"]:
        warnings.append("! this corpus can be solved without looking at a pixel: metadata alone separate the classes")
    if summary["searched_on_test_videos"]:
        warnings.append("! optimistic: C and kernel were searched on the test videos too (svm.search.mode is global)")
    return "\n".join(
        [
            "",
            f"{summary['n_videos']:.0f} videos of {summary['n_groups']:.0f} groups, {summary['n_folds']:.0f} folds "
            f"drawn {summary['n_repeats']:.0f} times ({summary['n_rejected']:.0f} rejected, "
            f"{summary['n_failed']:.0f} failed)",
            f"  AUC       {_figure(summary['roc_auc'])}   ({interval})",
            f"  in groups {_figure(summary['mean_group_auc'])}   (mean AUC within the groups that hold both classes)",
            f"  p-value   {_figure(summary['roc_auc_p_value'])}   ({test})",
            f"  metadata  {_figure(summary['metadata_roc_auc'])}   (best AUC without looking at a pixel)",
            f"  F1        {_figure(summary['f1_score'])}   (always fake: {_figure(summary['f1_always_fake'])})",
            f"  accuracy  {_figure(summary['accuracy'])}",
            *warnings,
            "",
            f"report       {place / '08_reporting' / 'report.html'}",
            f"features     {place / '04_feature' / 'features_metadata.parquet'}",
            f"fold models  {place / '06_models' / 'svm'}/fold_N/model.joblib, metrics.json beside each",
            f"detector     {place / '06_models' / 'svm' / 'final' / 'model.joblib'}",
            f"plots        {place / '08_reporting'}",
        ]
    )


def _figure(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.3f}"
