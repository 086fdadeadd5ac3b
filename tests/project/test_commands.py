"""The commands of the README, as a user types them."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from click.testing import CliRunner

from conftest import REPOSITORY, copy_project
from fvc_kedro.cli import cli
from fvc_kedro.forensics.reference import features_markdown

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


def test_results_are_compared_and_removed(home, tmp_path):
    shutil.copytree(home / "data", tmp_path / "out")
    compared = kedro(home, "compare", "data", str(tmp_path / "out"))
    assert "12 videos are in both" in compared
    assert "svm.n_folds" not in compared
    assert "remove   svm_detector" in kedro(home, "clean", "--yes", "--data-root", str(tmp_path / "out"))
    assert not (tmp_path / "out/06_models").exists()
    assert (home / "data/06_models/svm/final/model.joblib").exists()


def test_a_manifest_is_written_from_a_folder_and_nothing_else_goes_to_standard_output(home, tmp_path):
    for path in ("real/0000.mp4", "fake/0000_fake.mp4", "fake/other.mp4"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    command = [*KEDRO, "manifest", str(tmp_path)]
    made = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=300, check=True)
    assert made.stdout.splitlines() == [
        "video_path,label,group,platform,subset,manipulation,corpus",
        'fake/0000_fake.mp4,fake,uadfv 0000,"","",face swap,uadfv',
        'real/0000.mp4,real,uadfv 0000,"","","",uadfv',
    ]
    notes = made.stderr.splitlines()
    assert notes[0] == "layout: uadfv, UADFV (found videos like real/0000 and fake/0000_fake)"
    assert "left out: 1, not like real/0000 or fake/0000_fake ('fake/other.mp4')" in notes
    assert notes[-1].startswith(f"next: the CSV belongs into {tmp_path}, ")
    assert notes[-1].endswith(f"kedro run --params corpus_manifest={tmp_path}/manifest.csv,data_root=OUT")


F1_QUERY = "SELECT repeat, AVG(test_f1) AS avg_f1, STDDEV(test_f1) AS std_f1 FROM results GROUP BY repeat"


def ask(home, *arguments, typed="", folder="."):
    """Run kedro sql with its standard output apart, as a pipe sees it."""
    command = [*KEDRO, "sql", *arguments]
    return subprocess.run(
        command, cwd=home / folder, input=typed, capture_output=True, text=True, timeout=300, check=False
    )


def test_sql_is_answered_with_nothing_else_on_standard_output(home, tiny_run):
    asked = ask(home, F1_QUERY, "--format", "json")
    assert asked.returncode == 0, asked.stderr
    read = subprocess.run(
        [sys.executable, "-m", "json.tool"], input=asked.stdout, capture_output=True, text=True, check=True
    )
    rows = sorted(json.loads(read.stdout), key=lambda row: row["repeat"])
    assert [row["repeat"] for row in rows] == [1, 2]
    first = ask(home, "SELECT fold, test_f1 FROM results WHERE repeat = 1 ORDER BY fold", "--format", "json").stdout
    models = Path(tiny_run["data_root"]) / "06_models/svm"
    metrics = [json.loads((models / f"fold_{n}/metrics.json").read_text()) for n in (1, 2, 3)]
    assert [row["fold"] for row in json.loads(first)] == [1, 2, 3]
    f1 = [fold["f1_score"] for fold in metrics]
    assert [row["test_f1"] for row in json.loads(first)] == pytest.approx(f1)
    assert (rows[0]["avg_f1"], rows[0]["std_f1"]) == pytest.approx((statistics.mean(f1), statistics.stdev(f1)))
    assert ask(home, F1_QUERY).stdout.splitlines()[0].split() == ["repeat", "avg_f1", "std_f1"]


def test_sql_is_read_from_a_file_and_from_standard_input(home, tmp_path):
    (tmp_path / "query.sql").write_text("\ufeffSELECT COUNT(*) AS n FROM results;", encoding="utf-8")
    assert ask(home, "--file", str(tmp_path / "query.sql"), "--format", "csv").stdout == "n\n6\n"
    assert ask(home, "-", "--format", "csv", typed="SELECT COUNT(*) AS n\nFROM results").stdout == "n\n6\n"


def test_sql_lists_and_asks_the_ready_questions(home):
    listed = ask(home, "--list").stdout
    assert re.search(r"oof_predictions \(24 rows\): video_id, label, group, corpus, repeat, fold", listed)
    assert re.search(r"fold_stability +How much do the metrics differ", listed)
    asked = ask(home, "--question", "worst_groups").stdout.splitlines()
    assert asked[0].split()[:2] == ["group", "n_videos"]
    assert asked[-1] == "(6 rows)"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["SELECT test_f FROM results"], 1, '"test_f1"'),
        (["DELETE FROM results"], 1, "read-only mode"),
        (["COPY results TO 'stolen.csv'"], 1, "disabled by configuration"),
        (["SELECT 1; SELECT 2"], 1, "one statement at a time"),
        ([" "], 1, "no statement"),
        (["--question", "nothing"], 1, "there are: calibration"),
        (["SELECT 1", "--data-root", "elsewhere"], 1, "kedro run --pipelines reporting makes it"),
        (["SELECT 1", "--env", "nowhere"], 1, "conf/nowhere"),
        (["SELECT 1", "--format", "xml"], 2, "'table', 'csv', 'json'"),
        ([], 2, "nothing is asked: give one of a QUERY"),
        (["SELECT 1", "--list"], 2, "more than one thing is asked"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_question_gets_a_message(home, monkeypatch, arguments, code, message):
    monkeypatch.chdir(home)
    asked = CliRunner().invoke(cli, ["sql", *arguments])
    assert asked.exit_code == code
    assert asked.stdout == ""
    assert message in asked.stderr
    assert not (home / "stolen.csv").exists()


def test_a_wrong_query_shows_no_traceback(home):
    asked = ask(home, "SELECT test_f FROM results")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr.startswith("Error: Binder Error")
    assert "Traceback" not in asked.stderr


HUGE = "SELECT string_agg(repeat('x', 1000), ',') FROM range(1000000)"


@pytest.mark.parametrize(("arguments", "limit"), [(["--memory-mb", "300"], 300), (["--env", "tight"], 256)])
def test_a_query_that_takes_too_much_memory_gets_the_remedy(home, arguments, limit):
    (home / "conf/tight").mkdir(exist_ok=True)
    (home / "conf/tight/parameters.yml").write_text("reporting: {n_thumbnails: 1, query_memory_mb: 256}")
    asked = ask(home, HUGE, *arguments)
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr.startswith(f"Error: the query takes more memory than the {limit} MiB that it may: ask for less")
    assert len(asked.stderr.splitlines()) == 1
    assert "--memory-mb or reporting.query_memory_mb" in asked.stderr


def test_a_limit_of_memory_that_is_too_low_is_refused(home, monkeypatch):
    monkeypatch.chdir(home)
    assert "256" in CliRunner().invoke(cli, ["sql", "SELECT 1", "--memory-mb", "255"]).stderr
    (home / "conf/wrong").mkdir(exist_ok=True)
    (home / "conf/wrong/parameters.yml").write_text("reporting: {n_thumbnails: 1, query_memory_mb: 255}")
    asked = CliRunner().invoke(cli, ["sql", "SELECT 1", "--env", "wrong"])
    assert asked.exit_code == 1
    assert "reporting.query_memory_mb: Input should be greater than or equal to 256 (got 255)" in asked.stderr


def test_what_a_message_repeats_of_the_query_steers_nothing(home, monkeypatch):
    monkeypatch.chdir(home)
    message = CliRunner().invoke(cli, ["sql", "SELEC \x1b[31m \x9b"]).stderr
    assert r"\x1b[31m \x9b" in message
    assert "\nLINE 1:" in message


def test_a_reader_that_has_enough_is_no_fault(home):
    command = shlex.join([*KEDRO, "sql", "SELECT * FROM range(300000)", "--format", "csv"])
    read = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -n 2"], cwd=home, capture_output=True, text=True, check=False
    )
    assert read.stdout == "range\n0\n"
    assert "Traceback" not in read.stderr


def test_results_and_sql_find_the_project_from_a_folder_of_it(home):
    assert "12 videos of 6 groups" in kedro(home / "conf", "results")
    assert "avg_f1" in ask(home, F1_QUERY, folder="conf").stdout


def test_features_are_listed(home):
    listed = kedro(home, "features")
    experts = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())["svm"]["experts"]
    trained_on = {part.partition(".")[0] for parts in experts.values() for part in parts}
    assert {"region", "dct"} <= trained_on
    assert features_markdown(trained_on) in listed


def test_a_failing_run_says_what_is_missing(home, tmp_path):
    printed = kedro(home, "run", "--params", f"data_root={tmp_path}", "--pipelines", "reporting", check=False)
    assert "kedro run --pipelines svm_training" in printed


@pytest.fixture(scope="module")
def page(home):
    """What the page of kedro viz shows, and the files that it shows it from."""
    kedro(home, "viz", "build", "--include-previews")
    return json.loads((home / "build/api/main").read_text())


def test_viz_opens_on_the_pipelines_as_namespaces(page):
    boxes = page["modular_pipelines"]
    shown = {child["id"] for child in boxes["__root__"]["children"] if child["type"] == "modularPipeline"}
    stages = {"ingestion", "feature_engineering", "scaling", "svm_training", "evaluation", "reporting"}
    assert shown == stages
    nodes = {node["id"]: node for node in page["nodes"]}
    kinds = {nodes[child["id"]]["type"] for child in boxes["__root__"]["children"]}
    assert "task" not in kinds  # every node is inside a box
    inside = {nodes[child["id"]]["name"] for child in boxes["svm_training"]["children"] if child["type"] == "task"}
    assert {"make_folds", "cross_validate_detector", "train_detector"} <= inside


def test_viz_shows_the_named_nodes_with_layers_and_previews(home, page):
    main = page
    names = {node["name"] for node in main["nodes"]}
    assert {"measure_features", "collect_fold_models", "oof_predictions", "roc_plot"} <= names
    assert {"raw", "feature", "models", "reporting"} <= set(main["layers"])
    previews = [json.loads(path.read_text()) for path in (home / "build/api/nodes").iterdir()]
    assert sum(1 for node in previews if node.get("preview")) >= 10


def test_viz_is_silent_on_data_that_were_never_made(tmp_path):
    printed = kedro(copy_project(tmp_path / "fvc"), "viz", "build", "--include-previews")
    assert "Success" in printed
    assert "WARNING" not in printed
    assert "ERROR" not in printed


def test_viz_tells_of_a_file_that_cannot_be_read(tmp_path):
    project = copy_project(tmp_path / "fvc")
    damaged = project / "data/02_intermediate/corpus_index.parquet"
    damaged.parent.mkdir()
    damaged.write_bytes(b"damaged")
    printed = kedro(project, "viz", "build", "--include-previews")
    assert re.findall(r"'(\S+)' could not", printed) == ["corpus_index"]


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


def test_the_package_is_built_and_runs_elsewhere(tiny_corpus, tmp_path):
    copy = copy_project(tmp_path / "fvc")
    (copy / "src").rmdir()
    shutil.copytree(REPOSITORY / "src", copy / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("README.md", "requirements.lock", "setup.py", "MANIFEST.in"):
        shutil.copy(REPOSITORY / name, copy / name)
    (copy / "conf/local").mkdir(exist_ok=True)
    (copy / "conf/local/credentials.yml").write_text("secret: s3cret\n")
    settings = copy / "conf/base/globals.yml"
    settings.write_text(settings.read_text().replace("data_root: data ", "data_root: packed "))
    (copy / "build/api").mkdir(parents=True)
    (copy / "build/api/main").write_text("the page of kedro viz build")
    left = copy / "src/fvc_kedro/deleted_later.py"
    left.write_text("")
    kedro(copy, "package")
    left.unlink()
    kedro(copy, "package")
    assert [str(path.relative_to(copy / "build")) for path in (copy / "build").rglob("*")] == ["api", "api/main"]
    (wheel,) = (copy / "dist").glob("fvc_kedro-*.whl")
    assert list((copy / "dist").glob("conf-*.tar.gz"))
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", "released", "."], cwd=copy, capture_output=True, check=True
    )
    (released,) = (copy / "released").glob("fvc_kedro-*.whl")  # by way of the source archive
    assert sorted(zipfile.ZipFile(released).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    assert "fvc_kedro/questions/fold_stability.sql" in names
    assert "fvc_kedro/deleted_later.py" not in names
    assert not [name for name in names if "credentials" in name]
    assert "fvc-kedro = fvc_kedro.__main__:main" in archive_text(tmp_path / "installed", "entry_points.txt")
    shutil.rmtree(copy)  # nothing of the project is left but the package
    check_the_package_runs(tmp_path / "installed", tmp_path / "elsewhere", tiny_corpus)


def archive_text(folder, name):
    return next(folder.rglob(name)).read_text()


def check_the_package_runs(installed, elsewhere, tiny_corpus):
    elsewhere.mkdir()
    shutil.copytree(tiny_corpus.parent, elsewhere / "my corpus")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KEDRO", "MLFLOW"))}

    def package(*arguments):
        command = [sys.executable, "-m", "fvc_kedro", *arguments]
        settings = environment | {"PYTHONPATH": str(installed)}
        return subprocess.run(
            command, cwd=elsewhere, env=settings, capture_output=True, text=True, timeout=300, check=False
        )

    assert package("--version").stdout.startswith("fvc_kedro, version ")
    none = package("run")
    assert none.returncode == 1
    assert "Traceback" not in none.stderr
    assert "corpus_manifest=/path/manifest.csv" in none.stderr
    done = package(
        "run", "--pipelines", "ingestion", "--params", "corpus_manifest=my corpus/manifest.csv,execution.engine=serial"
    )
    assert done.returncode == 0, done.stderr
    assert "anonymous usage data" not in done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    assert (elsewhere / "packed/02_intermediate/corpus_index.parquet").is_file()
    assert {path.name for path in elsewhere.iterdir()} == {"my corpus", "packed", "mlflow.db", "mlartifacts"}
    assert package("features").stdout.startswith("# Features")
    none = package("results").stderr
    assert "there are no results yet: kedro run makes them; those of a run with a data_root take --data-root" in none


def test_nothing_is_sent_and_nothing_asked():
    assert "consent: false" in (REPOSITORY / ".telemetry").read_text()
