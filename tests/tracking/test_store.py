import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fvc_kedro.tracking.store import bounded_and_quiet, check_database, in_project, without_password


@pytest.mark.parametrize(
    ("address", "absolute"),
    [
        ("sqlite:///./mlflow.db", "sqlite:////project/mlflow.db"),
        ("sqlite:///out/mlflow.db", "sqlite:////project/out/mlflow.db"),
        ("sqlite:////elsewhere/mlflow.db", "sqlite:////elsewhere/mlflow.db"),
        ("sqlite:///file:/a.db?mode=ro&uri=true", "sqlite:///file:/a.db?mode=ro&uri=true"),
        ("http://server:5000", "http://server:5000"),
        ("mlruns", "file:///project/mlruns"),
        ("/elsewhere/mlruns", "file:///elsewhere/mlruns"),
        ("databricks", "databricks"),
    ],
)
def test_a_relative_path_is_one_in_the_project(address, absolute):
    assert in_project(address, Path("/project")) == absolute


def test_a_database_that_can_be_written_passes_and_its_folder_is_made(tmp_path):
    check_database(f"sqlite:///{tmp_path}/new/folder/mlflow.db")
    assert (tmp_path / "new/folder").is_dir()


def test_what_is_no_database_is_not_looked_at():
    check_database("http://127.0.0.1:9")
    check_database("file:///nowhere")


def unusable_databases(folder):
    """Addresses that fail for whoever runs the tests: the rights of files do not stop root."""
    (folder / "folder.db").mkdir()
    (folder / "text.db").write_text("no database, but long enough to be taken for a damaged one" * 20)
    sqlite3.connect(folder / "read_only.db").execute("CREATE TABLE something (a)")
    return {
        "folder": f"sqlite:///{folder}/folder.db",
        "text": f"sqlite:///{folder}/text.db",
        "under a file": f"sqlite:///{folder}/text.db/mlflow.db",
        "read only": f"sqlite:///file:{folder}/read_only.db?mode=ro&uri=true",
    }


@pytest.mark.parametrize("kind", ["folder", "text", "under a file", "read only"])
def test_an_unusable_database_is_found_out_at_once(tmp_path, kind):
    address = unusable_databases(tmp_path)[kind]
    began = time.monotonic()
    with pytest.raises(Exception, match=r"open|not a database|exists|Not a directory|readonly"):
        check_database(address)
    assert time.monotonic() - began < 5


def test_patience_is_bounded_unless_the_environment_says_how(monkeypatch):
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    with bounded_and_quiet():
        assert int(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) <= 3
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"


def test_a_server_that_does_not_answer_is_given_up(monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as silent, bounded_and_quiet():
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(Exception, match=r"timeout|timed out|retries"):
            MlflowClient(f"http://127.0.0.1:{silent.getsockname()[1]}").get_experiment_by_name("a")
    assert time.monotonic() - began < 40


def test_a_password_is_not_told():
    address = "postgresql://me:secret@host/db"
    assert without_password(f"cannot reach {address}", address) == "cannot reach postgresql://me:***@host/db"


def test_mlflow_tells_nobody_that_it_is_used(project):
    program = (
        "from pathlib import Path; from kedro.framework.startup import bootstrap_project; "
        "bootstrap_project(Path.cwd()); from kedro.framework.project import settings; settings.HOOKS; "
        "import mlflow.telemetry; assert mlflow.telemetry.get_telemetry_client() is None"
    )
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", ["what?", "50%25", "a?b c", "a?b=c"])
def test_a_database_that_would_lie_elsewhere_is_refused_and_nothing_made(tmp_path, folder):
    with pytest.raises(ValueError, match="would lie elsewhere"):
        check_database(f"sqlite:///{tmp_path}/{folder}/mlflow.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["a[1]", "{x}", "#1", "100%", 'it\'s "é"'])
def test_a_database_below_any_other_folder_lies_there(tmp_path, folder):
    check_database(f"sqlite:///{tmp_path}/{folder}/mlflow.db")
    assert [path.name for path in tmp_path.iterdir()] == [folder]
