"""Paths with every character that some program takes for a pattern, an address or a quote."""

import shutil

import click
import polars as pl
import pytest
from click.testing import CliRunner
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from conftest import REPOSITORY, TINY, copy_project, make_tiny_corpus
from fvc_kedro.cli import cli
from fvc_kedro.hooks import location

NAME = "a[1] *?{x} 'q\" #%20 é"
TRACKABLE = "a[1] *{x} 'q\" #5% é"  # SQLAlchemy takes ? and %20 in a database's address for its own


def make_corpus_of_names(folder, name, **more):
    """A tiny corpus that lies below a folder, and whose videos bear names, of that kind."""
    manifest = make_tiny_corpus(folder, **more)
    (folder / "videos").rename(folder / name)
    table = pl.read_csv(manifest.read_bytes())
    for path in (folder / name).iterdir():
        path.rename(path.with_name(f"{path.stem} {name}.mp4"))
    table.with_columns(
        pl.format("{}/{} {}.mp4", pl.lit(name), pl.col("video_path").str.extract(r"(\w+)\.mp4"), pl.lit(name)).alias(
            "video_path"
        )
    ).write_csv(manifest)
    return manifest


def test_a_corpus_and_its_results_may_lie_anywhere(tmp_path, run_pipeline, project, monkeypatch):
    manifest = make_corpus_of_names(tmp_path / f"corpus {NAME}", NAME)
    other = make_corpus_of_names(tmp_path / f"other {NAME}", NAME, seed=2, group_name="other")
    decoy = tmp_path / f"corpus {NAME.replace('[1]', '1').replace('*', 'x').replace('?', 'y')}"
    shutil.copytree(manifest.parent, decoy)
    (decoy / "manifest.csv").write_text("video_path,label,group\nnowhere.mp4,real,1\n", encoding="utf-8")
    out = tmp_path / f"out {NAME}"
    settings = TINY | {"tracking": {"enabled": False}}
    parameters = {"corpus_manifest": str(manifest), "evaluate_on": str(other), "data_root": str(out), **settings}
    run_pipeline(**parameters)
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix in (".joblib", ".mp4")}
    run_pipeline(**parameters)
    assert all(path.stat().st_mtime_ns == time for path, time in made.items() if "trials" in str(path))
    run_pipeline("cross_corpus", **parameters)
    assert (out / "other_corpus" / "metrics.parquet").is_file()
    monkeypatch.chdir(project)
    count = ["sql", "SELECT COUNT(*) AS n FROM corpus_index", "--format", "csv"]
    for arguments, words in ((["results"], "12 videos"), (count, "n\n12\n"), (["sql", "--list"], "corpus_index")):
        result = CliRunner().invoke(cli, [*arguments, "--data-root", str(out)])
        assert result.exit_code == 0, result.output
        assert words in result.output
    assert {path.name for path in tmp_path.iterdir()} == {manifest.parent.name, other.parent.name, decoy.name, out.name}


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?b"])
def test_a_project_whose_configuration_kedro_would_not_find_is_refused_at_once(tmp_path, monkeypatch, name):
    project = copy_project(tmp_path / name)
    monkeypatch.chdir(project)
    try:
        bootstrap_project(project)
        with (
            KedroSession.create(project_path=project) as session,
            pytest.raises(click.ClickException, match="Move"),
        ):
            session.run()
        for command in ("results", "features"):  # which would be those of the neighbour
            asked = CliRunner().invoke(cli, [command])
            assert asked.exit_code == 1
            assert "Move the project" in asked.output
    finally:
        monkeypatch.undo()
        bootstrap_project(REPOSITORY)


@pytest.mark.parametrize("name", ["with {braces}", 'it\'s "é" #%20'])
def test_other_folders_hold_a_project(tmp_path, monkeypatch, name):
    project = copy_project(tmp_path / name)
    monkeypatch.chdir(project)
    try:
        bootstrap_project(project)
        with KedroSession.create(project_path=project) as session:
            catalog = session.load_context().catalog
            assert len(list(catalog.load("sample_clips"))) == 27
            assert location(catalog, "svm_detector").is_relative_to(project)
    finally:
        monkeypatch.undo()
        bootstrap_project(REPOSITORY)


def test_a_run_below_any_folder_is_tracked_there(tmp_path, run_pipeline):
    manifest = make_tiny_corpus(tmp_path / f"corpus {TRACKABLE}")
    out = tmp_path / f"out {TRACKABLE}"
    run_pipeline("ingestion", corpus_manifest=str(manifest), data_root=str(out), **TINY)
    assert (out / "mlflow.db").is_file()
    assert list((out / "mlartifacts").rglob("packages.txt"))
    assert {path.name for path in tmp_path.iterdir()} == {manifest.parent.name, out.name}


@pytest.mark.parametrize(
    "path", ["a #b", "a: b", "[1]", "{x}/a", "'q'", '"q"', "*x", "%20", "&x", "@x", "!x", "1e3", "on", "a=b"]
)
def test_a_path_in_params_is_taken_as_it_stands(tmp_path, monkeypatch, path):
    given = params_of(monkeypatch, tmp_path, f"svm.n_folds=3, data_root={path}/out,svm.grid.C=[1]")
    assert given == {"data_root": str(tmp_path / path / "out"), "svm": {"n_folds": 3, "grid": {"C": [1]}}}


def params_of(monkeypatch, folder, text):
    """What Kedro's run is given for a text after --params."""
    given = {}
    monkeypatch.setattr("fvc_kedro.cli.kedro_run.callback", lambda **options: given.update(options["params"]))
    monkeypatch.setattr("fvc_kedro.cli.configuration_folder", lambda: REPOSITORY / "conf")
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(cli, ["run", "--params", text])
    assert result.exit_code == 0, result.output
    return given


def test_several_manifests_are_given_with_commas_between(tmp_path, monkeypatch):
    text = "corpus_manifest=a.csv, b/c.csv,data_root=out,svm.n_folds=3,evaluate_on=/x.csv,y.csv"
    given = params_of(monkeypatch, tmp_path, text)
    assert given["corpus_manifest"] == f"{tmp_path}/a.csv,{tmp_path}/b/c.csv"
    assert given["evaluate_on"] == f"/x.csv,{tmp_path}/y.csv"
    assert given["data_root"] == f"{tmp_path}/out"
    assert given["svm"] == {"n_folds": 3}


def test_a_comma_in_a_path_of_params_is_refused_with_the_remedy():
    result = CliRunner().invoke(cli, ["run", "--params", "data_root=/x/a, b/out,svm.n_folds=3"])
    assert result.exit_code == 2
    assert "'b/out'" in result.output
    assert "data_root" in result.output
    assert "comma" in result.output
