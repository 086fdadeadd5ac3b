"""The paths of one or several manifests, and how the paths in them are read as those of one."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from kedro.utils import find_kedro_project

URL = re.compile("(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://(localhost(?=/))?(?P<path>.*)", re.DOTALL)


def manifest_paths(filepath: Path) -> list[Path]:
    """List the paths of manifests that are given as one, with commas between, sorted; a file that is there is one.

    Kedro makes the first absolute; the others are relative to the project.
    """
    if "," not in str(filepath) or filepath.exists():
        return [filepath]
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    return sorted({Path(os.path.normpath(project / part.strip())) for part in str(filepath).split(",") if part.strip()})


def common_folder(manifests: Sequence[Path]) -> Path:
    """Find the folder that the paths of manifests are relative to where these are read as one."""
    return manifests[0].parent if len(manifests) == 1 else Path(os.path.commonpath([path.parent for path in manifests]))


def is_relative(folder: Path, video_path: str) -> bool:
    """Tell whether a path is relative to its manifest's folder: no URL, not absolute and not the user's ``~``."""
    if video_path.startswith("~"):
        return (folder / video_path).exists()
    return bool(video_path) and not (URL.fullmatch(video_path) or Path(video_path).is_absolute())
