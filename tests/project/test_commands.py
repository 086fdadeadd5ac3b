"""The commands of the README, as a user types them."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from conftest import REPOSITORY, copy_project

KEDRO = [sys.executable, "-m", "kedro"]


@pytest.fixture(scope="module")
def home(tiny_run, tmp_path_factory):
    """A project whose own data folder holds the results of the tiny run."""
    project = copy_project(tmp_path_factory.mktemp("commands") / "fvc")
    shutil.copytree(tiny_run["data_root"], project / "data", dirs_exist_ok=True)
    return project


def kedro(home, *arguments, check=True):
    command = [*KEDRO, *arguments]
    result = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=300, check=False)
    if check:
        assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_the_registry_lists_every_pipeline(home):
    listed = kedro(home, "registry", "list")
    for name in ("__default__", "sample_corpus", "ingestion", "feature_engineering", "scaling", "svm_training"):
        assert f"- {name}" in listed


def test_the_catalog_is_described(home):
    assert "fold_models" in kedro(home, "catalog", "describe-datasets")


@pytest.mark.parametrize("option", ["--pipeline", "--pipelines"])
def test_svm_training_runs_by_either_spelling(home, option):
    kedro(home, "run", option, "svm_training", "--params", "svm.n_folds=3,svm.grid.C=[1]")
    assert len(list((home / "data/06_models/svm").glob("fold_*/model.joblib"))) == 3
    assert not (home / "wandb").exists()


def test_results_are_printed(home):
    printed = kedro(home, "results")
    assert re.search(r"12 videos of 6 groups", printed)
    assert re.search(r"AUC\s+[01]\.\d{3}", printed)


def test_features_are_listed(home):
    listed = kedro(home, "features")
    assert (REPOSITORY / "docs/features.md").read_text() in listed


def test_a_failing_run_says_what_is_missing(home, tmp_path):
    printed = kedro(home, "run", "--params", f"data_root={tmp_path}", "--pipelines", "reporting", check=False)
    assert "kedro run --pipelines svm_training" in printed


def test_viz_builds_a_page_with_the_named_nodes_and_previews(home):
    kedro(home, "viz", "build", "--include-previews")
    main = json.loads((home / "build/api/main").read_text())
    names = {node["name"] for node in main["nodes"]}
    assert {"measure_features", "train_fold_models", "oof_predictions", "roc_plot"} <= names
    assert {"raw", "feature", "models", "reporting"} <= set(main["layers"])
    previews = [json.loads(path.read_text()) for path in (home / "build/api/nodes").iterdir()]
    assert sum(1 for node in previews if node.get("preview")) >= 10


def free_port():
    """Find a port below the system's own range, which kedro viz refuses."""
    for port in range(21000 + os.getpid() % 5000, 32000):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["viz", "run", "--no-browser", "--port"], "/api/main"),
        (["jupyter", "notebook", "--no-browser", "--allow-root", "--port"], "/login"),
        (["mlflow", "ui", "--port"], "/"),
    ],
    ids=["viz", "jupyter", "mlflow"],
)
def test_servers_answer(home, arguments, path):
    port = free_port()
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "JUPYTER_DATA_DIR": str(home / ".jupyter"),
    }
    with (home / "server.log").open("w+") as log:
        server = subprocess.Popen(
            [*KEDRO, *arguments, str(port)], cwd=home, stdout=log, stderr=log, start_new_session=True, env=environment
        )
        try:
            assert answers(f"http://127.0.0.1:{port}{path}", server), Path(log.name).read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def answers(address, server, patience=120):
    until = time.monotonic() + patience
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(address, timeout=5) as response:
                return response.status == 200
        except OSError:
            time.sleep(0.5)
    return False


def test_the_package_is_built(home, tmp_path):
    copy = copy_project(tmp_path / "fvc")
    (copy / "src").rmdir()
    shutil.copytree(REPOSITORY / "src", copy / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("README.md", "requirements.lock"):
        shutil.copy(REPOSITORY / name, copy / name)
    kedro(copy, "package")
    assert list((copy / "dist").glob("fvc_kedro-*.whl"))
    assert list((copy / "dist").glob("conf-*.tar.gz"))


def test_nothing_is_sent_and_nothing_asked():
    assert "consent: false" in (REPOSITORY / ".telemetry").read_text()
