import re
import shutil
import subprocess

import polars as pl
import pytest

from fvc_kedro.tracking.provenance import corpus_fingerprint, corpus_tags, git_tags, package_versions, version_tags

INDEX = pl.DataFrame(
    {
        "video_id": ["a-1", "b-2", "c-3"],
        "sha256": ["1" * 64, "2" * 64, "3" * 64],
        "label": ["real", "fake", "fake"],
        "group": ["x", "x", "y"],
        "width": [10, 20, 30],
    }
)


def test_the_fingerprint_tells_corpora_apart_and_knows_no_order():
    fingerprint = corpus_fingerprint(INDEX)
    assert re.fullmatch("[0-9a-f]{64}", fingerprint)
    assert corpus_fingerprint(INDEX.reverse()) == fingerprint
    assert corpus_fingerprint(INDEX.with_columns(width=pl.lit(1))) == fingerprint
    for column in ("video_id", "sha256", "label", "group"):
        changed = INDEX.with_columns(pl.Series(column, ["new", *INDEX[column][1:]]))
        assert corpus_fingerprint(changed) != fingerprint
    assert corpus_fingerprint(INDEX.head(2)) != fingerprint


def test_a_corpus_is_counted():
    tags = corpus_tags(INDEX)
    assert (tags["corpus_videos"], tags["corpus_groups"]) == ("3", "2")


@pytest.fixture
def repository(tmp_path):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init")
    (tmp_path / "pyproject.toml").write_text("")
    git("add", ".")
    git("commit", "-m", "first")
    return tmp_path, git


def test_the_commit_and_whether_files_differ_from_it(repository):
    folder, git = repository
    assert git_tags(folder) == {"git_commit": git("rev-parse", "HEAD"), "git_dirty": "false"}
    (folder / "new.py").write_text("")
    assert git_tags(folder)["git_dirty"] == "true"


def test_without_version_control_there_is_no_commit(repository, tmp_path, monkeypatch):
    folder, _ = repository
    (folder / "copy").mkdir()
    (folder / "copy" / "pyproject.toml").write_text("")  # a project that lies in the repository of something else
    assert git_tags(folder / "copy") == {}
    shutil.rmtree(folder / ".git")
    assert git_tags(folder) == {}
    monkeypatch.setenv("PATH", "")
    assert git_tags(folder) == {}


def test_versions_of_python_and_packages():
    import numpy
    import sklearn

    tags = version_tags(package_versions())
    assert tags["version.numpy"] == numpy.__version__
    assert tags["version.scikit-learn"] == sklearn.__version__
    assert {"version.python", "version.fvc_kedro", "version.kedro", "version.av"} <= set(tags)
