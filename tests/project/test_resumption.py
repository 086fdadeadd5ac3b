"""A run killed in the middle is taken up where it was, and gives the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from clips import write_clip
from conftest import copy_project

KEDRO = str(Path(sys.executable).with_name("kedro"))
N_VIDEOS = 16
STAGES = "ingestion,feature_engineering,scaling"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    generator = np.random.default_rng(2)
    rows = []
    for number in range(N_VIDEOS):
        noise = generator.integers(0, 256, (60, 180, 320), dtype=np.uint8)
        write_clip(folder / f"{number}.mp4", noise, options={"preset": "ultrafast", "crf": "35"})
        rows.append((f"{number}.mp4", "fake" if number % 2 else "real", str(number)))
    pl.DataFrame(rows, schema=["video_path", "label", "group"], orient="row").write_csv(folder / "manifest.csv")
    return folder / "manifest.csv"


def start(project, corpus, out, stages=STAGES):
    parameters = f"corpus_manifest={corpus},data_root={out},execution.workers=2"
    return subprocess.Popen(
        [KEDRO, "run", "--pipelines", stages, "--params", parameters],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]
    return output


def kill_when(process, pattern, folder, count):
    """Kill the main process alone, without warning, once so many files are there."""
    deadline = time.monotonic() + 120
    while len(list(folder.glob(pattern))) < count:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def await_death_of_workers(process):
    deadline = time.monotonic() + 60
    while members_of_session(process.pid):
        assert time.monotonic() < deadline, "workers outlive a killed run"
        time.sleep(0.2)


def members_of_session(identity):
    """Processes of a session, the dead ones that nobody has waited for left out."""
    members = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = status.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == identity and state != "Z":
            members.append(status.parent.name)
    return members


def tables(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.glob("0*/**/*.parquet")}


def files(folder, pattern):
    return {path: path.stat().st_mtime_ns for path in folder.glob(pattern)}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for left-over processes in /proc")
def test_a_killed_run_is_taken_up_and_gives_the_same_bytes(corpus, tmp_path):
    project = copy_project(tmp_path / "project")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    parameters = yaml.safe_load((project / "conf/base/parameters.yml").read_text())
    n_records = N_VIDEOS * len(parameters["features"]["families"])  # each family of a video is kept by itself
    finish(start(project, corpus, whole))
    measurements, copies = killed / "04_feature/measurements", killed / "03_primary/scaled_videos"

    process = start(project, corpus, killed)
    kill_when(process, "*/*.json", measurements, 3)
    measured = files(measurements, "*/*.json")
    assert 3 <= len(measured) < n_records
    assert not (killed / "04_feature/features_metadata.parquet").exists()

    process = start(project, corpus, killed)
    kill_when(process, "*.mp4", copies, 3)
    made = files(copies, "*.json")
    assert len(files(measurements, "*/*.json")) == n_records
    await_death_of_workers(process)

    finish(start(project, corpus, killed))
    assert tables(killed) == tables(whole)
    assert files(measurements, "*/*.json").items() >= measured.items()
    assert files(copies, "*.json").items() >= made.items()
    for path in (whole / "03_primary/scaled_videos").glob("*.mp4"):
        assert (copies / path.name).read_bytes() == path.read_bytes()
    assert not list(killed.rglob("*partial*"))

    before = files(killed, "0*/**/*.json") | files(copies, "*.mp4")
    finish(start(project, corpus, killed))
    after = files(killed, "0*/**/*.json") | files(copies, "*.mp4")
    contents = [path for path in after if path.name == "contents.json"]
    assert {path: time for path, time in after.items() if path not in contents} == {
        path: time for path, time in before.items() if path not in contents
    }


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for left-over processes in /proc")
def test_a_killed_training_is_taken_up_and_gives_the_same_results(corpus, tmp_path):
    project = copy_project(tmp_path / "project")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(project, corpus, whole, "ingestion,feature_engineering"))
    shutil.copytree(whole, killed, ignore=shutil.ignore_patterns("mlflow*", "mlartifacts"))
    finish(start(project, corpus, whole, "svm_training"))
    n_trials = len(list(whole.glob("07_model_output/trials/*/*.joblib")))
    assert n_trials == 3 * 5 + 1  # every fold of every repeat, and the final detector

    process = start(project, corpus, killed, "svm_training")
    trials = killed / "07_model_output/trials"
    kill_when(process, "*/*.joblib", trials, 3)
    done = files(trials, "*/*.joblib")
    assert 3 <= len(done) < n_trials
    assert not (killed / "06_models").exists()
    await_death_of_workers(process)

    finish(start(project, corpus, killed, "svm_training"))
    assert len(files(trials, "*/*.joblib")) == n_trials
    assert files(trials, "*/*.joblib").items() >= done.items()
    assert tables(killed) == tables(whole)
