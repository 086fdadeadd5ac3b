"""A project folder of its own for every test that needs one, and a tiny corpus of real encoded videos."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))

# Small settings for tiny videos; one process, so that no worker has to start.
TINY = {
    "execution": {"engine": "serial"},
    "features": {"segment_s": 0.25},
    "svm": {"n_folds": 3, "n_repeats": 2},
    "evaluation": {"n_bootstrap": 100, "n_permutations": 3, "max_rows": 0},
    "reporting": {"n_thumbnails": 4},
    "tracking": {"on_failure": "error"},  # or a fault in tracking would only be a line of the log
}


def copy_project(target: Path) -> Path:
    """Copy what a run reads, so that nothing is written into the repository."""
    target.mkdir(parents=True)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(REPOSITORY / name, target / name)
    shutil.copytree(REPOSITORY / "conf", target / "conf")
    shutil.copytree(REPOSITORY / "notebooks", target / "notebooks")
    shutil.copytree(REPOSITORY / "data/01_raw/sample/clips", target / "data/01_raw/sample/clips")
    (target / "src").mkdir()  # the package itself is imported from where it is installed
    return target


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project") / "fvc")


RunPipeline = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def run_pipeline(project: Path) -> RunPipeline:
    """Run pipelines in a real Kedro session on the project copy."""

    def run(*pipelines: str, env: str | None = None, **parameters: Any) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(project)
            bootstrap_project(project)
            with KedroSession.create(project_path=project, env=env, runtime_params=parameters) as session:
                return session.run(pipeline_names=list(pipelines) or None)

    return run


@pytest.fixture(scope="session")
def load_dataset(project: Path) -> Callable[..., Any]:
    """Load a dataset as a user would from Python."""

    def load(name: str, **parameters: Any) -> Any:
        bootstrap_project(project)
        with KedroSession.create(project_path=project, runtime_params=parameters) as session:
            return session.load_context().catalog.load(name)

    return load


def make_tiny_corpus(folder: Path, n_groups: int = 6, seed: int = 1, group_name: str = "group") -> Path:
    """Write small real videos, sharp ones labelled real and blurred ones fake, and their manifest.

    Another seed gives other pixels; groups are named by ``group_name`` and a number.
    """
    import cv2

    from clips import write_clip

    generator = np.random.default_rng(seed)
    rows = []
    for group in range(n_groups):
        noise = generator.integers(40, 200, (12, 48, 64, 3), dtype=np.uint8)
        for label in ("real", "fake"):
            pixels = noise if label == "real" else np.stack([cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in noise])
            path = folder / "videos" / f"{group}_{label}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_clip(path, pixels)
            rows.append((f"videos/{path.name}", label, f"{group_name} {group}"))
    manifest = folder / "manifest.csv"
    pl.DataFrame(rows, schema=["video_path", "label", "group"], orient="row").write_csv(manifest)
    return manifest


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_corpus(tmp_path_factory.mktemp("tiny corpus"))


@pytest.fixture(scope="session")
def watched_tiny_run(
    tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory, run_pipeline: RunPipeline
) -> tuple[dict[str, Any], list[str]]:
    """Run the default pipeline on the tiny corpus once; return its parameters and Python's warnings."""
    parameters = {"corpus_manifest": str(tiny_corpus), "data_root": str(tmp_path_factory.mktemp("out")), **TINY}
    with warnings.catch_warnings(record=True) as caught:
        run_pipeline(**parameters)
    return parameters, [f"{one.filename}: {one.category.__name__}: {one.message}" for one in caught]


@pytest.fixture(scope="session")
def tiny_run(watched_tiny_run: tuple[dict[str, Any], list[str]]) -> dict[str, Any]:
    """Run the default pipeline on the tiny corpus once; return the parameters that find its results again."""
    return watched_tiny_run[0]
