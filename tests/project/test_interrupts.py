"""Ctrl-C, as a terminal sends it: to the command and all its workers."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from conftest import copy_project
from fvc_kedro.datasets import DuckDbDataset

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no process groups")


@pytest.fixture
def home(tmp_path):
    project = copy_project(tmp_path / "fvc")
    database = project / "data/08_reporting/results.duckdb"
    DuckDbDataset(filepath=str(database)).save({"folds": pl.DataFrame({"fold": [1, 2]})})
    return project


def interrupted(home, *arguments, when):
    """Run a command, send the signal when ``when`` says so of what is printed, and return status, output and errors."""
    command = [sys.executable, "-m", "kedro", *arguments]
    out, err = home / "out.txt", home / "err.txt"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(command, cwd=home, stdout=stdout, stderr=stderr, start_new_session=True)
        try:
            until = time.monotonic() + 240
            while not when(out.read_text(), err.read_text()):
                assert process.poll() is None, err.read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGINT)
            status = process.wait(timeout=120)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return status, out.read_text(), err.read_text()


ENDLESS = "SELECT COUNT(*) FROM range(100000000) AS a, range(100000) AS b"  # the main thread would not notice


def test_sql_is_interrupted_while_the_query_runs(home):
    query = home / "query.sql"
    os.mkfifo(query)
    asked = []

    def is_asked(*_):
        with contextlib.suppress(OSError):  # nobody reads it yet
            pipe = os.open(query, os.O_WRONLY | os.O_NONBLOCK)
            os.write(pipe, ENDLESS.encode())
            os.close(pipe)
            asked.append(True)
            time.sleep(2)
        return asked

    status, out, err = interrupted(home, "sql", "--file", str(query), when=is_asked)
    assert (status, out) == (130, "")
    assert err.split() == ["Aborted!"]


@pytest.mark.parametrize("layout", ["csv", "json"])
def test_sql_is_interrupted_while_rows_are_printed(home, layout):
    status, out, err = interrupted(
        home, "sql", "FROM range(1000000000)", "--format", layout, when=lambda out, _: len(out) > 100_000
    )
    assert status == 130
    assert out
    assert err.split() == ["Aborted!"]


def test_a_run_is_interrupted_while_it_measures(home, tiny_corpus):
    shutil.copytree(tiny_corpus.parent, home / "corpus")
    given = "corpus_manifest=corpus/manifest.csv,tracking.enabled=false,features.segment_s=0.25"
    status, out, err = interrupted(
        home,
        *("run", "--pipelines", "ingestion,feature_engineering", "--params", given),
        when=lambda _, err: re.search(r"measuring videos: 1 of 12 ", err),
    )
    assert status == 130
    assert "Traceback" not in out + err
    assert err.rstrip().endswith("Aborted!")


def test_a_run_is_interrupted_while_it_trains(home, tiny_run):
    shutil.copytree(f"{tiny_run['data_root']}/04_feature", home / "data/04_feature")
    shutil.copytree(f"{tiny_run['data_root']}/02_intermediate", home / "data/02_intermediate")
    shutil.copytree(f"{tiny_run['data_root']}/03_primary", home / "data/03_primary")
    status, out, err = interrupted(
        home,
        *("run", "--pipelines", "svm_training", "--params", "tracking.enabled=false,svm.n_folds=3,svm.n_repeats=40"),
        when=lambda _, err: re.search(r"cross-validation: [1-9]\d* of 12", err),
    )
    assert status == 130
    assert "Traceback" not in out + err
    assert err.rstrip().endswith("Aborted!")
