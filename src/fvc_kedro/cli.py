"""The project's own commands, beside Kedro's."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from copy import copy
from functools import partial
from itertools import chain
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import _split_params
from kedro.framework.project import configure_project, settings
from kedro.io import DatasetError
from kedro.utils import find_kedro_project

from fvc_kedro import __version__
from fvc_kedro.commands import kedro_command
from fvc_kedro.configuration import configuration_folder, project_folder
from fvc_kedro.layouts import NAMES as LAYOUTS

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol

    from fvc_kedro.results import Results

ENV = click.option("--env", default=None, help="Configuration environment, such as fvc.")
DATA_ROOT = click.option(
    "--data-root",
    type=click.Path(resolve_path=True),
    help="Folder that the results were written under, if not the usual one.",
)


class _Command(click.Command):
    """A command that Ctrl-C ends with the status of the shell for it, and that says errors for the user plainly."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Aborted!", err=True)
            ctx.exit(128 + signal.SIGINT)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            message = _message(error)
            if message is None or ctx.params.get("verbose"):
                raise
            raise click.ClickException(message) from error


class _Group(click.Group):
    command_class = _Command


@click.group(name="fvc_kedro", cls=_Group)
@click.version_option(__version__, prog_name="fvc_kedro")
def cli() -> None:
    """Commands of fvc_kedro."""


def _read_params(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Read --params as Kedro does, but paths as they stand: read as YAML, one would end at `` #`` or be a list."""
    from fvc_kedro.parameters import MANIFEST_PARAMETERS, PATH_PARAMETERS  # noqa: PLC0415 - other commands need none

    if not isinstance(value, str):
        return _split_params(context, option, value)
    paths: dict[str, str] = {}
    others: list[str] = []
    last = ""
    for part in value.split(","):
        item = part.strip()
        name, sign, path = (part.strip() for part in item.partition("="))
        if sign and name in PATH_PARAMETERS:
            paths[name] = path
        elif item and not sign and last in MANIFEST_PARAMETERS:  # a further manifest
            paths[last] += f",{part}"
        elif item and not sign and paths:
            context.fail(
                f"--params: {item!r} is no parameter=value. If it belongs to a path ({', '.join(paths)}): a comma ends "
                "one here, so take a path without, or write it into conf/local/globals.yml"
            )
        else:
            others.append(item)
        last = name if sign else last
    return _split_params(context, option, ",".join(others)) | paths


_RUN_OPTIONS = [copy(option) for option in kedro_run.params]
next(option for option in _RUN_OPTIONS if option.name == "params").callback = _read_params


@cli.command(params=_RUN_OPTIONS)
@click.option("--verbose", "-v", is_flag=True, help="Show the traceback of an error too.")
@click.pass_context
def run(context: click.Context, /, verbose: bool, **options: Any) -> Any:
    """Run the pipeline.

    Paths in --params are relative to the folder that the command is run in.
    """
    if context.get_parameter_source("params") is ParameterSource.COMMANDLINE:
        options["params"] = _from_working_directory(options["params"])
    if options.get("conf_source") is None and project_folder() is None:
        options["conf_source"] = str(configuration_folder())
    env = options["env"] or os.environ.get("KEDRO_ENV")
    conf = Path(options["conf_source"] or configuration_folder())
    if env and conf.is_dir() and not (conf / env).is_dir():
        there = sorted(folder.name for folder in conf.iterdir() if folder.is_dir())
        raise click.BadParameter(f"{conf} has no environment {env!r}; it has {', '.join(there)}", param_hint="--env")
    with nullcontext() if verbose else _errors_as_messages(options["params"] or {}, env):
        outcome = kedro_run.callback(**options)  # type: ignore[misc]
        data_root = options["params"].get("data_root")
        click.echo(_results(options["env"], data_root, options["conf_source"]).text_of_last_run())
    return outcome


def _from_working_directory(params: dict[str, Any]) -> dict[str, Any]:
    from fvc_kedro.parameters import MANIFEST_PARAMETERS, PATH_PARAMETERS  # noqa: PLC0415 - other commands need none

    given = {name for name in PATH_PARAMETERS & params.keys() if params[name] and "://" not in str(params[name])}
    return params | {name: _absolute(str(params[name]), several=name in MANIFEST_PARAMETERS) for name in given}


def _absolute(path: str, *, several: bool) -> str:
    # A shell leaves a ~ inside an argument to the program.
    whole = Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 - links stay as they are
    if not several or "," not in path or whole.exists():
        return str(whole)
    return ",".join(_absolute(part.strip(), several=False) for part in path.split(",") if part.strip())


@contextmanager
def _errors_as_messages(params: Mapping[str, object], env: str | None) -> Iterator[None]:
    """Make an error that is written for the user the last words of the command, said once and with no traceback.

    Commands that it advises get the parameters and the environment of this one.
    """
    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(_is_no_echo)
    try:
        yield
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        raise click.ClickException(_ADVICE.sub(partial(_complete, params, env), message)) from error
    finally:
        for handler in handlers:
            handler.removeFilter(_is_no_echo)


# The sample corpus is made in the project's own folder, whatever the run.
_ADVICE = re.compile(r"kedro run --pipelines (?!sample_corpus)([\w,]*\w)(?![\w,]| --params)")


def _complete(params: Mapping[str, object], env: str | None, advice: re.Match[str]) -> str:
    return kedro_command(advice[1].split(","), params, env)


def _is_no_echo(record: logging.LogRecord) -> bool:
    """Tell whether a record is more than Kedro's account of the error, with its advice to run the same again."""
    return not record.name.startswith(("kedro.pipeline", "kedro.runner")) or _message(sys.exc_info()[1]) is None


def _message(error: BaseException | None) -> str | None:
    if error is None:
        return None
    from fvc_kedro.datasets.errors import FileError  # noqa: PLC0415 - other commands raise none of them
    from fvc_kedro.execution import DeadWorkerError, is_disk_full  # noqa: PLC0415
    from fvc_kedro.hooks import MissingInputError, OutputFolderError  # noqa: PLC0415
    from fvc_kedro.learning.alignment import NotAlignableError  # noqa: PLC0415
    from fvc_kedro.learning.folds import TooFewGroupsError  # noqa: PLC0415
    from fvc_kedro.lineage_hook import BusyError, StaleInputError  # noqa: PLC0415
    from fvc_kedro.parameters import ParameterError  # noqa: PLC0415
    from fvc_kedro.pipelines.ingestion.nodes import ManifestError  # noqa: PLC0415
    from fvc_kedro.pipelines.training_rows import TrainingDataError  # noqa: PLC0415
    from fvc_kedro.tracking.errors import TrackingError  # noqa: PLC0415

    written = (
        *(BusyError, FileError, DeadWorkerError, ManifestError, MissingInputError, OutputFolderError),
        *(NotAlignableError, ParameterError, StaleInputError),
        *(TooFewGroupsError, TrackingError, TrainingDataError),
    )
    if isinstance(error, written) or is_disk_full(error) or _is_of_options(error):
        return str(error)
    return _message(error.__cause__) if isinstance(error, DatasetError) else None  # Kedro wraps those of datasets


def _is_of_options(error: BaseException) -> bool:
    """Tell whether Kedro refuses an option, such as the name of a node, before it runs any code of this project."""
    modules = [frame.f_globals["__name__"] for frame, _ in walk_tb(error.__traceback__)]
    after = modules[modules.index(__name__) + 1 :] if __name__ in modules else modules
    return "kedro.framework.cli.project" in after and all(
        name.partition(".")[0] in ("click", "importlib", "kedro") or name == __name__ for name in after
    )


@cli.command()
@click.option(
    "--current",
    is_flag=True,
    help="Print them only if a run with the present code and configuration would give the same; else say why not and "
    "exit with 1.",
)
@ENV
@DATA_ROOT
def results(current: bool, env: str | None, data_root: str | None) -> None:
    """Print the headline metrics, what they were made from, and where the results lie.

    What is out of date, missing or made by other code is marked, with the command that renews it.
    """
    from fvc_kedro.lineage import flatten  # noqa: PLC0415 - other commands need no records

    found = _results(env, data_root)
    if current:
        reasons = found.why_not_current(flatten(_configuration("parameters", env, data_root)))
        reasons = reasons or found.why_not_whole(*_catalog_and_outputs(env, data_root))
        if reasons:
            more = f" and {len(reasons) - 1} more reasons" if len(reasons) > 1 else ""
            click.echo(f"not up to date: {reasons[0]}{more}")
            click.get_current_context().exit(1)
    elif not found.has_summary:
        raise click.ClickException(
            "there are no results yet: kedro run makes them; those of a run with a data_root take --data-root"
        )
    click.echo(found.text())


def _catalog_and_outputs(env: str | None, data_root: str | None) -> tuple[CatalogProtocol, set[str]]:
    from kedro.framework.project import pipelines  # noqa: PLC0415
    from kedro.framework.session import KedroSession  # noqa: PLC0415 - a second, which other commands do without

    params = {"data_root": data_root} if data_root else {}
    with KedroSession.create(conf_source=str(configuration_folder()), env=env, runtime_params=params) as session:
        context: Any = session.load_context()  # type: ignore[attr-defined]
        return context.catalog, pipelines["__default__"].all_outputs()


@cli.command()
@click.argument("runs", nargs=-1, metavar="[FIRST [SECOND]]")
@ENV
@DATA_ROOT
def compare(runs: tuple[str, ...], env: str | None, data_root: str | None) -> None:
    """Compare two evaluated runs: parameters, metrics, and the videos that changed sides.

    Each is a folder of results or the ID of a run in MLflow (its first characters suffice). Without SECOND, the latest
    run in MLflow is compared with FIRST; with neither, with the one before it.
    """
    from fvc_kedro import run_comparison  # noqa: PLC0415 - other commands compare nothing

    if len(runs) > 2:
        raise click.UsageError(f"two runs are compared, {len(runs)} are given")
    address = _tracking_address(env, data_root)
    try:
        if len(runs) < 2:
            latest = run_comparison.evaluated_runs(address)
            if len(latest) + len(runs) < 2:
                raise run_comparison.NoResultsError(
                    f"MLflow has {len(latest)} runs with predictions ({address}): give two folders of results"
                )
            runs = (*runs, latest[0]) if runs else (latest[1], latest[0])
        first, second = (
            run_comparison.read_folder(_places(_configuration("catalog", env, str(Path(run).resolve()))), run)
            if Path(run).is_dir()
            else run_comparison.read_mlflow_run(address, run)
            for run in runs
        )
    except run_comparison.NoResultsError as error:
        raise click.ClickException(str(error)) from error
    for line in run_comparison.compare(first, second):
        click.echo(line)


def _tracking_address(env: str | None, data_root: str | None) -> str:
    from fvc_kedro.tracking.store import in_project  # noqa: PLC0415 - other commands do without MLflow

    server = _configuration("mlflow", env, data_root).get("server") or {}
    return in_project(server.get("mlflow_tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI", "mlruns"), _project())


def _results(env: str | None, data_root: str | None, conf_source: str | None = None) -> Results:
    from fvc_kedro.results import Results  # noqa: PLC0415 - other commands show no results

    return Results(_places(_configuration("catalog", env, data_root, conf_source)), data_root)


def _places(catalog: Mapping[str, Any]) -> dict[str, Path]:
    project = _project()
    return {
        name: project / place
        for name, entry in catalog.items()
        if not name.startswith("_") and (place := entry.get("filepath") or entry.get("path"))
    }


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
            described = database.describe(path, memory_mb)
            _warn_of_marks(env, data_root)
            click.echo(described, nl=False)
            return
        if question is not None:
            query = database.ready_question(question)
        elif file is not None:
            query = file.read_text(encoding="utf-8-sig")
        elif query == "-":
            query = sys.stdin.read()
        answer = database.answer(path, query or "", layout, memory_mb)
        first = next(answer, "")
        _warn_of_marks(env, data_root)  # of an answer, not of an error
        for text in chain([first], answer):
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


def _warn_of_marks(env: str | None, data_root: str | None) -> None:
    """Say on standard error what of the database is out of date, so that the answer stays clean."""
    for mark in _results(env, data_root).marks():
        click.echo(f"warning: {mark}", err=True)


@cli.command()
@click.option("--yes", is_flag=True, help="Remove without asking.")
@ENV
@DATA_ROOT
def clean(yes: bool, env: str | None, data_root: str | None) -> None:
    """Remove the results that runs have made, by name, and nothing else.

    What was changed since, what no run has recorded and what lies beyond a link out of the folder stays.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415
    from kedro.framework.project import pipelines  # noqa: PLC0415 - other commands do without pipelines
    from kedro.framework.session import KedroSession  # noqa: PLC0415

    from fvc_kedro.cleaning import find_made_files, remove  # noqa: PLC0415

    _configuration("catalog", env, data_root)  # which tells of a wrong environment
    params = {"data_root": data_root} if data_root else {}
    with KedroSession.create(conf_source=str(configuration_folder()), env=env, runtime_params=params) as session:
        context: Any = session.load_context()  # type: ignore[attr-defined]
        lineage = context.catalog.get("lineage")
        outputs = sorted({name for pipeline in pipelines.values() for name in pipeline.all_outputs()})
        # The records go last: without them, nobody would know what is left of a removal that was stopped.
        found = find_made_files(context.catalog, [*outputs, "lineage"], lineage.load(), lineage.root)
    for name, reason in found.kept.items():
        click.echo(f"kept     {name}: {reason}")
    for name, files in found.removable.items():
        size = sum(file.stat().st_size for file in files) / 1e6
        click.echo(f"remove   {name}: {len(files)} file{'s' if len(files) > 1 else ''}, {size:.1f} MB, {files[0]}")
    if not found.removable:
        click.echo(f"no run has left anything in {lineage.root}")
        return
    if not yes:
        click.confirm("Remove them?", abort=True)
    lock = lineage.root / "lineage" / "lock"
    lock.parent.mkdir(exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            remove([file for files in found.removable.values() for file in files], lineage.root)
    except Timeout:
        raise click.ClickException(f"a run is writing to {lineage.root}: wait until it has ended") from None


@cli.command()
def features() -> None:
    """Print every feature with definition, unit, invariance, cost and source, as Markdown."""
    from fvc_kedro.forensics.reference import features_markdown  # noqa: PLC0415 - other commands measure nothing
    from fvc_kedro.parameters import SvmParameters  # noqa: PLC0415

    svm = SvmParameters.model_validate(parameters("svm", None))
    click.echo(features_markdown(svm.families), nl=False)


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--layout",
    type=click.Choice(["auto", *LAYOUTS]),
    default="auto",
    show_default=True,
    help="How the corpus lies in the folder.",
)
@click.option(
    "--group-by",
    type=click.Choice(["sources", "footage"]),
    default="sources",
    show_default=True,
    help="Whether a fake is in one group with all that it is made from, or with the footage of its picture alone.",
)
@click.option(
    "--corpus",
    metavar="NAME",
    help="Name of the corpus and beginning of its groups' names, if not that of the layout or of a plain folder.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write the manifest to, its paths relative to that file's folder, instead of standard output.",
)
def manifest(folder: Path, layout: str, group_by: str, corpus: str | None, output: Path | None) -> None:
    """Write the manifest of a corpus from its FOLDER as it was downloaded.

    The CSV goes to standard output and belongs into FOLDER, as its paths are relative to that:

        kedro manifest FOLDER > FOLDER/manifest.csv

    Which layout was found, how groups were made, and what was left out and why is said on standard error.
    docs/corpora.md tells of each corpus.
    """
    from fvc_kedro.datasets.manifest import ManifestDataset  # noqa: PLC0415 - other commands make no table
    from fvc_kedro.layouts.manifest import make_manifest  # noqa: PLC0415

    if output == Path():
        raise click.BadParameter("the path is empty: give that of the CSV", param_hint="'--output'")
    if corpus is not None and (not corpus.strip() or not _is_utf8(corpus)):
        fault = "is not UTF-8" if corpus.strip() else "is empty"
        raise click.BadParameter(f"the name {fault}: give another", param_hint="'--corpus'")
    with redirect_stdout(sys.stderr):  # where the log of a list that is read would go
        made = make_manifest(folder, output.parent if output else folder, layout, group_by, corpus)
    for note in made.notes:
        click.echo(note, err=True)
    if output:
        dataset: Any = ManifestDataset(filepath=str(output))
        try:
            dataset.save(made.table)
        except (DatasetError, OSError) as error:  # Kedro wraps some errors of the system, not all
            reason = error.__cause__ or error
            raise click.ClickException(f"the manifest cannot be written to {output}: {reason}") from error
    else:
        click.echo(made.table.write_csv().encode(), nl=False)
    click.echo(f"next: {_next_step(folder, output, made.leads_outside)}", err=True)


def _next_step(folder: Path, output: Path | None, leads_outside: bool) -> str:
    path = str(output or folder / "manifest.csv")
    if "," in path or not _is_utf8(path):
        fault = "holds a comma, which ends a value in --params" if "," in path else "is not UTF-8"
        return f"the manifest's path {fault}: rename the folder or the file, and write the manifest anew"
    place = "" if output else f"the CSV belongs into {folder}, as its paths are relative to that; then "
    params = {"corpus_manifest": path, "data_root": "OUT"} | ({"allow_outside": True} if leads_outside else {})
    return place + kedro_command([], params)


def _is_utf8(text: str) -> bool:
    return text.encode(errors="replace").decode() == text


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

    read = _configuration("parameters", env, None)
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
    entry: dict[str, Any] = _configuration("catalog", env, data_root)[name]
    return entry | {"filepath": str(_project() / entry["filepath"])}


def _configuration(kind: str, env: str | None, data_root: str | None, conf_source: str | None = None) -> dict[str, Any]:
    configure_project("fvc_kedro")
    loader = settings.CONFIG_LOADER_CLASS(
        conf_source=conf_source or str(configuration_folder()),
        env=env or os.environ.get("KEDRO_ENV"),
        runtime_params={"data_root": data_root} if data_root else {},
        **settings.CONFIG_LOADER_ARGS,
    )
    try:
        read: dict[str, Any] = loader[kind]
    except MissingConfigException as error:
        raise click.ClickException(str(error)) from error
    return read


def _project() -> Path:
    return find_kedro_project(Path.cwd()) or Path.cwd()  # as a run takes it
