"""Where results come from: the corpus, the code and the packages."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import polars as pl

from fvc_kedro import __version__

# What the results depend on most; the rest is in the list of all packages.
_TAGGED = ("kedro", "mlflow", "scikit-learn", "numpy", "polars", "av", "opencv-python", "opencv-python-headless")


def corpus_fingerprint(corpus_index: pl.DataFrame) -> str:
    """SHA-256 over the videos of a corpus with their contents, labels and groups, in any order.

    Parameters
    ----------
    corpus_index : DataFrame
        With the columns video_id, sha256, label and group.
    """
    rows = corpus_index.select("video_id", "sha256", "label", "group").sort("video_id").rows()
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def corpus_tags(corpus_index: pl.DataFrame) -> dict[str, str]:
    """Fingerprint of the corpus, and how many videos and groups it has."""
    return {
        "corpus_fingerprint": corpus_fingerprint(corpus_index),
        "corpus_videos": str(len(corpus_index)),
        "corpus_groups": str(corpus_index["group"].n_unique()),
    }


def git_tags(project: Path) -> dict[str, str]:
    """Commit of a project, and whether its files differ from it; nothing where it is under no version control."""
    git = shutil.which("git")
    if git is None:
        return {}
    # A copy of the project inside another repository is not of that repository's commit.
    if _ask(git, project, "ls-files", "pyproject.toml") != "pyproject.toml":
        return {}
    commit = _ask(git, project, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {"git_commit": commit, "git_dirty": str(bool(_ask(git, project, "status", "--porcelain", "."))).lower()}


def _ask(git: str, project: Path, *question: str) -> str:
    answer = subprocess.run([git, *question], cwd=project, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def package_versions() -> dict[str, str]:
    """Version of every installed package, in alphabetical order."""
    found = {package.name: package.version for package in distributions()}
    return {name: found[name] for name in sorted(found, key=str.lower)}


def version_tags(versions: dict[str, str]) -> dict[str, str]:
    """Versions of Python and of the packages that the results depend on most, as ``version.<name>``."""
    tags = {f"version.{name}": versions[name] for name in _TAGGED if name in versions}
    return tags | {"version.fvc_kedro": __version__, "version.python": platform.python_version()}
