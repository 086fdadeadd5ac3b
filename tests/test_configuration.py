"""Where the configuration and the results are looked for."""

import pytest

from conftest import copy_project
from fvc_kedro.cli import catalog_entry
from fvc_kedro.configuration import project_folder

OTHER = '[tool.kedro]\npackage_name = "other"\nproject_name = "other"\nkedro_init_version = "1.0.0"\n'


def test_the_project_is_found_from_any_folder_of_it(tmp_path, monkeypatch):
    project = copy_project(tmp_path / "fvc")
    monkeypatch.chdir(project / "conf" / "base")
    assert project_folder() == project


@pytest.mark.parametrize("content", [b"no [ toml", b"\xff\xfe", OTHER.encode(), b'# package_name = "fvc_kedro"\n'])
def test_a_file_of_somebody_else_s_above_is_passed_over(tmp_path, monkeypatch, content):
    (tmp_path / "pyproject.toml").write_bytes(content)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert project_folder() is None


def test_results_are_looked_for_where_a_run_writes_them_inside_another_kedro_project(tmp_path, monkeypatch, project):
    (tmp_path / "pyproject.toml").write_text(OTHER)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    monkeypatch.setattr("fvc_kedro.cli.configuration_folder", lambda: project / "conf")
    assert catalog_entry("evaluation_summary", None, None)["filepath"].startswith(f"{tmp_path}/data/")
