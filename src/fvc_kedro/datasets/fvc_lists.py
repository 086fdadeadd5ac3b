"""The Fake Video Corpus lists (Papadopoulou et al., 2018) and a folder of its videos, read as a manifest."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
from kedro.io import AbstractDataset

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.datasets.text_table import read_text_table
from fvc_kedro.datasets.video_folder import VIDEO_SUFFIXES

logger = logging.getLogger(__name__)

_COLUMNS = ("cascade_id", "video_url", "label")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_NUMBER = re.compile(r"\d{3,}")


def parse_platform_id(url: str) -> tuple[str, str] | None:
    """Find the platform and the platform's own video id in a URL.

    Parameters
    ----------
    url : str
        Address of a video on YouTube, Facebook or Twitter.

    Returns
    -------
    (platform, id) or None
        ``youtube``, ``facebook`` or ``twitter``, and the id; None where the URL names no such video.
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    query = parse_qs(parts.query)
    steps = [step for step in parts.path.split("/") if step]
    if host in ("youtube.com", "youtu.be", "youtube-nocookie.com"):
        return _as_id("youtube", _YOUTUBE_ID, [*query.get("v", []), *reversed(steps)])
    if host.endswith("facebook.com") or host == "fb.watch":
        named = [*query.get("v", []), *query.get("story_fbid", []), *query.get("fbid", [])]
        return _as_id("facebook", _NUMBER, [*named, *reversed(steps)])
    if host in ("twitter.com", "mobile.twitter.com", "x.com"):
        after = [steps[i + 1] for i, step in enumerate(steps[:-1]) if step in ("status", "statuses", "tweet", "videos")]
        return _as_id("twitter", _NUMBER, after)
    return None


def _as_id(platform: str, pattern: re.Pattern[str], candidates: Iterable[str]) -> tuple[str, str] | None:
    for candidate in candidates:
        if pattern.fullmatch(candidate):
            return platform, candidate
    return None


def files_by_id(paths: Sequence[str]) -> dict[str, str]:
    """Map each platform id to a video file, by the file's stem or, failing that, a folder's name.

    Parameters
    ----------
    paths : sequence of str
        Relative paths of video files.
    """
    found: dict[str, str] = {}
    for path in sorted(paths):
        for folder in Path(path).parent.parts:
            found.setdefault(folder, path)
    for path in sorted(paths, reverse=True):
        found[Path(path).stem] = path
    return found


def fvc_manifest(lists: pl.DataFrame, paths: Sequence[str]) -> pl.DataFrame:
    """Turn rows of the lists into a manifest.

    Parameters
    ----------
    lists : DataFrame
        Columns ``cascade_id``, ``video_url`` and ``label``, as the authors publish them.
    paths : sequence of str
        Relative paths of the video files that are there.

    Returns
    -------
    DataFrame
        Columns ``video_path``, ``label``, ``group`` (the cascade), ``corpus``, ``platform`` and ``video_url``, a row
        for each row of the lists. Where no file is there, the path is the platform id; where the URL
        names no video, it is the URL itself.
    """
    files = files_by_id(paths)
    rows = []
    for cascade, url, label in lists.select(_COLUMNS).iter_rows():
        platform, identity = parse_platform_id(url) or ("unknown", url)
        rows.append((files.get(identity, identity), label.strip().lower(), cascade, "fvc", platform, url))
    schema = ["video_path", "label", "group", "corpus", "platform", "video_url"]
    return pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")


def read_lists(paths: Iterable[Path]) -> pl.DataFrame:
    """Read the lists one after another, as a table with the columns that :func:`fvc_manifest` takes.

    Raises
    ------
    FileError
        If a list is missing or lacks a column.
    """
    tables = []
    for path in paths:
        if not path.exists():
            raise FileError(f"there is no list at {path}: put the Fake Video Corpus lists there (see docs/fvc.md)")
        table = read_text_table(path, _COLUMNS)
        missing = set(_COLUMNS) - set(table.columns)
        if missing:
            raise FileError(f"the list {path} lacks the columns {sorted(missing)}; it has {table.columns}")
        tables.append(table.select(_COLUMNS))
    return pl.concat(tables)


class FvcListsDataset(AbstractDataset[None, pl.DataFrame]):
    """Loads the Fake Video Corpus lists and a folder of its videos as a corpus manifest.

    Parameters
    ----------
    filepath : str
        Folder of the videos, each stored under its platform id as file name or folder name.
    lists : list of str
        The CSV files, such as FVC.csv and FVC_dup.csv, relative to ``filepath`` or absolute.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, filepath: str, lists: Sequence[str], metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self._lists = [self._filepath / name for name in lists]
        self.metadata = metadata

    def load(self) -> pl.DataFrame:
        """Read lists and folder, and log what was found.

        Raises
        ------
        FileError
            As of :func:`read_lists`.
        """
        manifest = fvc_manifest(read_lists(self._lists), self._video_paths())
        self._report(manifest)
        return manifest

    def _video_paths(self) -> list[str]:
        return [
            path.relative_to(self._filepath).as_posix()
            for path in self._filepath.rglob("*")
            if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
        ]

    def _report(self, manifest: pl.DataFrame) -> None:
        labels = dict(sorted(manifest["label"].value_counts().iter_rows()))
        platforms = dict(sorted(manifest["platform"].value_counts().iter_rows()))
        logger.info("Fake Video Corpus: %d rows, by label %s, by platform %s", len(manifest), labels, platforms)

    def save(self, data: None) -> None:
        raise NotImplementedError("the Fake Video Corpus lists are read, never written")

    def _exists(self) -> bool:
        return all(path.exists() for path in self._lists)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "lists": [str(path) for path in self._lists]}
