"""Paths with every character that some program takes for a pattern, an address or a quote."""

import shutil

import pytest
from click.testing import CliRunner
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from conftest import REPOSITORY, TINY, copy_project, make_tiny_corpus
from fvc_kedro.cli import cli
from fvc_kedro.hooks import location
from fvc_kedro.parameters import ParameterError

NAME = "a[1] *?{x} 'q\" #%20 é"


def test_a_corpus_and_its_results_may_lie_anywhere(tmp_path, run_pipeline, project, monkeypatch):
    manifest = make_tiny_corpus(tmp_path / f"corpus {NAME}")
    other = make_tiny_corpus(tmp_path / f"other {NAME}", seed=2, group_name="other")
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
    for arguments in (["results"], ["sql", "SELECT COUNT(*) FROM corpus_index"], ["sql", "--list"]):
        result = CliRunner().invoke(cli, [*arguments, "--data-root", str(out)])
        assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {manifest.parent.name, other.parent.name, decoy.name, out.name}


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?b"])
def test_a_project_whose_configuration_kedro_would_not_find_is_refused_at_once(tmp_path, monkeypatch, name):
    project = copy_project(tmp_path / name)
    monkeypatch.chdir(project)
    try:
        bootstrap_project(project)
        with (
            KedroSession.create(project_path=project) as session,
            pytest.raises(ParameterError, match="Move"),
        ):
            session.run()
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
            assert len(list(catalog.load("sample_clips"))) == 12
            assert location(catalog, "svm_detector").is_relative_to(project)
    finally:
        monkeypatch.undo()
        bootstrap_project(REPOSITORY)
