"""The command kedro run with the manifests and paths that people give it."""

import shutil
import subprocess
import sys
from pathlib import Path

import click
import polars as pl
import pytest
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError

from conftest import REPOSITORY, copy_project
from fvc_kedro import cli
from fvc_kedro.datasets.errors import FileError
from fvc_kedro.hooks import MissingInputError
from fvc_kedro.pipelines.training_rows import TrainingDataError


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("run") / "fvc")


def kedro_runs(folder, *params, pipeline="ingestion"):
    given = ",".join(["tracking.enabled=false", "execution.engine=serial", *params])
    command = [sys.executable, "-m", "kedro", "run", "--pipeline", pipeline, "--params", given]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("video_path,label,group\na,b.mp4,real,1\n", "line 2: 'a,b.mp4,real,1' has 4 fields"),
        ("video_path,label\na.mp4,real\n", "no column 'group'"),
        ("video_path,label,group\na.mp4,True,1\n", "write real or fake"),
    ],
    ids=["file", "header", "labels"],
)
def test_a_bad_manifest_ends_with_one_sentence(home, tmp_path, content, message):
    (tmp_path / "manifest.csv").write_text(content)
    ended = kedro_runs(home, f"corpus_manifest={tmp_path}/manifest.csv", f"data_root={tmp_path}/out")
    printed = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("Error: ")
    assert message in ended.stderr.splitlines()[-1]
    assert printed.count(message) == 1
    assert "Traceback" not in printed
    assert "Repeat the previous command" not in printed
    assert not (tmp_path / "out").exists()  # neither results nor records of a run


def test_a_manifest_whose_videos_are_all_missing_is_told_at_once(home, tmp_path):
    rows = [f"{number}_{label}.mp4,{label},{number}" for number in range(500) for label in ("real", "fake")]
    (tmp_path / "manifest.csv").write_text("\n".join(["video_path,label,group", *rows]))
    given = [f"corpus_manifest={tmp_path}/manifest.csv", f"data_root={tmp_path}/out"]
    ended = kedro_runs(home, *given, "execution.engine=local", pipeline="__default__")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "starting workers" not in ended.stderr
    assert ended.stderr.splitlines()[-1] == (
        "Error: no usable video is labelled real; the most frequent reasons not to use a row: missing: "
        f"there is no file {tmp_path}/0_real.mp4 (paths are relative to the CSV's folder) (1000 rows, first row 1: "
        "'0_real.mp4')"
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (["svm.n_folds=1"], "Error: wrong parameters"),
        (["corpus_manifest=absent.csv"], "Error: corpus_manifest is not there: nothing lies at {home}/absent.csv"),
    ],
    ids=["parameter", "absent"],
)
def test_what_a_run_lacks_is_said_without_a_traceback(home, params, message):
    ended = kedro_runs(home, *params)
    assert ended.returncode == 1
    assert message.format(home=home) in ended.stderr
    assert "corpus_videos" not in ended.stderr  # the same file
    assert "Traceback" not in ended.stdout + ended.stderr


def test_paths_are_relative_to_where_the_command_is_run(home, tiny_corpus):
    folder = home / "notebooks/mine"
    folder.mkdir(parents=True)
    (folder / "corpus").symlink_to(tiny_corpus.parent)
    ended = kedro_runs(folder, "corpus_manifest=corpus/manifest.csv", "data_root=out")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(pl.read_parquet(folder / "out/02_intermediate/corpus_index.parquet")) == 12


@pytest.fixture
def called_with(monkeypatch):
    """Put a function that records its options in the place of Kedro's own."""
    options = {}
    monkeypatch.setattr(kedro_run, "callback", lambda **given: options.update(given))
    return options


def test_only_paths_of_the_command_line_change(called_with, tmp_path, monkeypatch):
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    run = ["run", "--conf-source", str(REPOSITORY / "conf")]  # as away from the project
    given = (
        "corpus_manifest=a/m.csv,evaluate_on=/b/m.csv,data_root=s3://c,fvc_root=../fvc,allow_outside=true,svm.seed=1"
    )
    assert CliRunner().invoke(cli.cli, [*run, "--params", given]).exit_code == 0
    here = Path.cwd()
    assert called_with["params"] == {
        **{"corpus_manifest": f"{here}/a/m.csv", "evaluate_on": "/b/m.csv", "data_root": "s3://c"},
        **{"fvc_root": str(here.parent / "fvc"), "allow_outside": True, "svm": {"seed": 1}},
    }
    (tmp_path / "run.yml").write_text("run: {params: {data_root: out}}")
    assert CliRunner().invoke(cli.cli, [*run, "--config", "run.yml"]).exit_code == 0
    assert called_with["params"] == {"data_root": "out"}  # of the project


def test_a_tilde_is_the_user_s_folder(called_with, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert CliRunner().invoke(cli.cli, ["run", "--params", "corpus_manifest=~/m.csv,data_root=~/out"]).exit_code == 0
    assert called_with["params"] == {"corpus_manifest": "/home/me/m.csv", "data_root": "/home/me/out"}


def ending(monkeypatch, error, *options):
    """Last words of a run that ends with an error."""

    def fail(**_):
        raise error

    monkeypatch.setattr(kedro_run, "callback", fail)
    return CliRunner().invoke(cli.cli, ["run", *options]).output


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ([], "kedro run --pipelines svm_training,evaluation"),
        (["--params", "svm.seed=1"], "kedro run --pipelines svm_training,evaluation --params svm.seed=1"),
        (
            ["--env", "fvc", "--params", "data_root=/my out,corpus_manifest=/m.csv"],
            "kedro run --env fvc --pipelines svm_training,evaluation --params "
            "'data_root=/my out,corpus_manifest=/m.csv'",
        ),
    ],
)
def test_a_command_that_is_advised_repeats_the_parameters(monkeypatch, options, advice):
    error = TrainingDataError("folds differ: kedro run --pipelines svm_training,evaluation")
    assert ending(monkeypatch, error, *options) == f"Error: folds differ: {advice}\n"
    error = MissingInputError("kedro run --pipelines svm_training,evaluation makes it")
    assert ending(monkeypatch, error, *options) == f"Error: {advice} makes it\n"


def test_the_sample_corpus_is_made_in_the_project(monkeypatch):
    error = MissingInputError("kedro run --pipelines sample_corpus makes one")
    assert ending(monkeypatch, error, "--params", "data_root=/out") == f"Error: {error}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pipelines", "nosuch"], "the pipeline named 'nosuch'"),
        (["--nodes", "nosuch"], "nodes named ['nosuch']"),
        (["--tags", "nosuch"], "no nodes after applying all provided filters"),
        (["--to-outputs", "nosuch"], "datasets named ['nosuch']"),
        (["--runner", "NoSuchRunner"], "NoSuchRunner"),
        (["--runner", "no.such.Runner"], "No module named 'no'"),
        (["--env", "nosuch"], "/conf has no environment 'nosuch'; it has base, fvc, local"),
    ],
)
def test_an_option_that_names_nothing_ends_with_one_sentence(home, monkeypatch, options, message):
    monkeypatch.chdir(home)
    bootstrap_project(home)
    ended = CliRunner().invoke(cli.cli, ["run", *options])
    assert isinstance(ended.exception, SystemExit)  # and no error of another kind, which would show its traceback
    assert ended.output.splitlines()[-1].startswith("Error: ")
    assert message in ended.output.splitlines()[-1]


def test_the_traceback_is_shown_where_wished(monkeypatch):
    error = MissingInputError("not there")
    assert ending(monkeypatch, error) == "Error: not there\n"
    assert CliRunner().invoke(cli.cli, ["run", "--verbose"]).exception is error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_full_disk_ends_with_one_sentence(home, tmp_path, tiny_corpus):
    table = tmp_path / "out/02_intermediate/corpus_index.parquet"
    table.parent.mkdir(parents=True)
    table.symlink_to("/dev/full")
    ended = kedro_runs(home, f"corpus_manifest={tiny_corpus}", f"data_root={tmp_path}/out")
    printed = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"Error: the disk of {table.parent} (or of ")
    assert "Traceback" not in printed
    assert "WARNING" not in printed


def test_an_unforeseen_error_keeps_its_traceback(monkeypatch):
    def fail(**_):
        raise error

    monkeypatch.setattr(kedro_run, "callback", fail)
    for error in (ZeroDivisionError("x"), DatasetError("x")):
        assert CliRunner().invoke(cli.cli, ["run"]).exception is error
    wrapped = DatasetError("corpus_manifest: mend it")
    wrapped.__cause__ = FileError("mend it")
    error = wrapped
    assert CliRunner().invoke(cli.cli, ["run"]).output == "Error: mend it\n"


def test_kedro_s_options_are_all_there():
    assert isinstance(cli.run, click.Command)
    assert [option.name for option in cli.run.params] == [*(option.name for option in kedro_run.params), "verbose"]
