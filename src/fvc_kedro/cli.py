"""The project's own commands, beside Kedro's."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import _split_params
from kedro.framework.project import configure_project, settings
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import find_kedro_project

from fvc_kedro import __version__
from fvc_kedro.configuration import configuration_folder, project_folder

ENV = click.option("--env", default=None, help="Configuration environment, such as fvc.")
DATA_ROOT = click.option(
    "--data-root",
    type=click.Path(resolve_path=True),
    help="Folder that the results were written under, if not the usual one.",
)


class _Command(click.Command):
    """A command that Ctrl-C ends with the status of the shell for it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Aborted!", err=True)
            ctx.exit(128 + signal.SIGINT)


class _Group(click.Group):
    command_class = _Command


@click.group(name="fvc_kedro", cls=_Group)
@click.version_option(__version__, prog_name="fvc_kedro")
def cli() -> None:
    """Commands of fvc_kedro."""


def _read_params(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Read --params as Kedro does, but paths as they stand: read as YAML, one would end at `` #`` or be a list."""
    from fvc_kedro.parameters import PATH_PARAMETERS  # noqa: PLC0415 - other commands need no parameters

    if not isinstance(value, str):
        return _split_params(context, option, value)
    paths: dict[str, str] = {}
    others: list[str] = []
    for item in map(str.strip, value.split(",")):
        name, sign, path = (part.strip() for part in item.partition("="))
        if sign and name in PATH_PARAMETERS:
            paths[name] = path
        elif item and not sign and paths:
            context.fail(
                f"--params: {item!r} is no parameter=value. If it belongs to a path ({', '.join(paths)}): a comma ends "
                "one here, so take a path without, or write it into conf/local/globals.yml"
            )
        else:
            others.append(item)
    return _split_params(context, option, ",".join(others)) | paths


_RUN_OPTIONS = [copy(option) for option in kedro_run.params]
next(option for option in _RUN_OPTIONS if option.name == "params").callback = _read_params


@cli.command(params=_RUN_OPTIONS)
@click.pass_context
def run(context: click.Context, /, **options: Any) -> Any:
    """Run the pipeline.

    Paths in --params are relative to the folder that the command is run in.
    """
    if context.get_parameter_source("params") is ParameterSource.COMMANDLINE:
        options["params"] = _from_working_directory(options["params"])
    if options.get("conf_source") is None and project_folder() is None:
        options["conf_source"] = str(configuration_folder())
    with _errors_as_messages():
        return kedro_run.callback(**options)  # type: ignore[misc]


def _from_working_directory(params: dict[str, Any]) -> dict[str, Any]:
    from fvc_kedro.parameters import PATH_PARAMETERS  # noqa: PLC0415 - other commands need no parameters

    given = {name for name in PATH_PARAMETERS & params.keys() if params[name] and "://" not in str(params[name])}
    return params | {name: str(Path.cwd() / str(params[name])) for name in given}


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    """Make an error that is written for the user the last words of the command, said once and with no traceback."""
    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(_is_no_echo)
    try:
        yield
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        raise click.ClickException(message) from error
    finally:
        for handler in handlers:
            handler.removeFilter(_is_no_echo)


def _is_no_echo(record: logging.LogRecord) -> bool:
    """Tell whether a record is more than Kedro's account of the error, with its advice to run the same again."""
    return not record.name.startswith(("kedro.pipeline", "kedro.runner")) or _message(sys.exc_info()[1]) is None


def _message(error: BaseException | None) -> str | None:
    if error is None:
        return None
    from fvc_kedro.datasets.errors import FileError  # noqa: PLC0415 - other commands raise none of them
    from fvc_kedro.execution import DeadWorkerError  # noqa: PLC0415
    from fvc_kedro.hooks import MissingInputError  # noqa: PLC0415
    from fvc_kedro.learning.folds import TooFewGroupsError  # noqa: PLC0415
    from fvc_kedro.parameters import ParameterError  # noqa: PLC0415
    from fvc_kedro.pipelines.ingestion.nodes import ManifestError  # noqa: PLC0415
    from fvc_kedro.pipelines.training_rows import TrainingDataError  # noqa: PLC0415
    from fvc_kedro.tracking.errors import TrackingError  # noqa: PLC0415

    written = (
        *(FileError, DeadWorkerError, ManifestError, MissingInputError, ParameterError),
        *(TooFewGroupsError, TrackingError, TrainingDataError),
    )
    if isinstance(error, written):
        return str(error)
    return _message(error.__cause__) if isinstance(error, DatasetError) else None  # Kedro wraps those of datasets


@cli.command()
@ENV
@DATA_ROOT
def results(env: str | None, data_root: str | None) -> None:
    """Print the headline figures of the last run and where its results lie."""
    entry = catalog_entry("evaluation_summary", env, data_root)
    dataset = AbstractDataset.from_config("evaluation_summary", entry)
    if not dataset.exists():
        raise click.ClickException("there are no results yet: run kedro run first")
    click.echo(headline(dataset.load(), Path(entry["filepath"]).parent.parent))


@cli.command()
@click.argument("query", required=False)
@click.option("--question", metavar="NAME", help="Ask a question that stands ready; --list names them.")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the query from a file.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How the answer is laid out.",
)
@click.option("--list", "listing", is_flag=True, help="List the tables and the questions that stand ready.")
@click.option(
    "--memory-mb",
    type=click.IntRange(min=256),
    help="Most memory that the query may take, in MiB, if not reporting.query_memory_mb.",
)
@ENV
@DATA_ROOT
def sql(
    query: str | None,
    question: str | None,
    file: Path | None,
    layout: str,
    listing: bool,
    memory_mb: int | None,
    env: str | None,
    data_root: str | None,
) -> None:
    r"""Ask the results in SQL: QUERY is one statement, - reads it from standard input.

    The tables are those of kedro run --pipelines reporting, read only.

    Names of files may hold anything, so text is escaped. Tables and CSV: control characters and those that turn the
    direction of writing become \x1b and the like, in tables line ends and invisible characters too. CSV: text that
    begins with = + - @, a tab or a line end gets ' before it, as a spreadsheet would take it for a formula. JSON has
    escapes of its own, and loses nothing. Raw values are had from Python: catalog.load("results_database").
    """
    from fvc_kedro import sql as database  # noqa: PLC0415 - other commands ask no database

    memory_mb = memory_mb or parameters("reporting", env)["query_memory_mb"]
    path = Path(catalog_entry("results_database", env, data_root)["filepath"])
    n_given = sum((query is not None, question is not None, file is not None, listing))
    if n_given != 1:
        raise click.UsageError(
            f"{'nothing' if not n_given else 'more than one thing'} is asked: give one of a QUERY, - for standard "
            "input, --question NAME, --file PATH or --list"
        )
    try:
        if listing:
            click.echo(database.describe(path, memory_mb), nl=False)
            return
        if question is not None:
            query = database.ready_question(question)
        elif file is not None:
            query = file.read_text(encoding="utf-8-sig")
        elif query == "-":
            query = sys.stdin.read()
        for text in database.answer(path, query or "", layout, memory_mb):
            click.echo(text, nl=False)
    except database.QueryError as error:
        raise click.ClickException("\n".join(map(database.readable, str(error).splitlines()))) from error
    except MemoryError as error:
        raise click.ClickException(
            f"the query takes more memory than the {memory_mb} MiB that it may: ask for less (a condition, LIMIT, "
            "fewer columns), or allow more with --memory-mb or reporting.query_memory_mb"
        ) from error
    except UnicodeError as error:
        raise click.ClickException(f"the query is not text in UTF-8: {error}") from error


@cli.command()
def features() -> None:
    """Print every feature with definition, unit, invariance, cost and source, as Markdown."""
    from fvc_kedro.forensics.reference import features_markdown  # noqa: PLC0415 - other commands measure nothing
    from fvc_kedro.parameters import SvmParameters  # noqa: PLC0415

    svm = SvmParameters.model_validate(parameters("svm", None))
    click.echo(features_markdown(svm.families), nl=False)


def parameters(group: str, env: str | None) -> dict[str, Any]:
    """Read a group of parameters, and check it.

    Parameters
    ----------
    group : str
        Such as ``reporting``.
    env : str, optional
        Configuration environment.
    """
    from fvc_kedro.parameters import ParameterError, check_group  # noqa: PLC0415 - not all commands need parameters

    read = _configuration("parameters", env, {})
    try:
        check_group(read, group)
    except ParameterError as error:
        raise click.ClickException(str(error)) from error
    values: dict[str, Any] = read[group]
    return values


def catalog_entry(name: str, env: str | None, data_root: str | None) -> dict[str, Any]:
    """Read a dataset's entry in the catalog, its path made absolute, without a session, which would take a second.

    Parameters
    ----------
    name : str
        The dataset.
    env : str, optional
        Configuration environment.
    data_root : str, optional
        Folder that the results were written under.
    """
    project = find_kedro_project(Path.cwd()) or Path.cwd()  # as a run takes it
    entry: dict[str, Any] = _configuration("catalog", env, {"data_root": data_root} if data_root else {})[name]
    return entry | {"filepath": str(project / entry["filepath"])}


def _configuration(kind: str, env: str | None, runtime_params: dict[str, Any]) -> dict[str, Any]:
    configure_project("fvc_kedro")
    loader = settings.CONFIG_LOADER_CLASS(
        conf_source=str(configuration_folder()),
        env=env or os.environ.get("KEDRO_ENV"),
        runtime_params=runtime_params,
        **settings.CONFIG_LOADER_ARGS,
    )
    try:
        read: dict[str, Any] = loader[kind]
    except MissingConfigException as error:
        raise click.ClickException(str(error)) from error
    return read


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
    test = f"share of {summary['n_permutations']:.0f} permutations that do as well as the first repeat"
    warnings = []
    if summary["few_groups"]:
        warnings.append("! few groups: go by the permutation test rather than the interval")
    if summary["metadata_tell"] and not summary["metadata_separate"]:
        warnings.append("! metadata alone carry part of the answer")
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
