"""A folder of videos, as handles by path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from kedro.io import AbstractDataset

from fvc_kedro.datasets.manifest_paths import URL, common_folder, manifest_paths
from fvc_kedro.video import RefusedVideo, Video, VideoFile

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "3gp", "mkv", "webm", "avi", "flv", "wmv"),
        *("mpg", "mpeg", "ts", "mts", "m2ts", "mxf", "ogv", "gif"),
    )
)


class VideoFolder(Mapping[str, Video]):
    """Handles to the videos under a folder, by path relative to it.

    Any path may be asked for, whether or not a file is there: a handle opens its file only when used.
    Iterating gives the files that are there and end like a video.

    Parameters
    ----------
    root : Path
        The folder.
    allow_outside : bool
        Whether paths may lead out of the folder.
    inside : sequence of Path, optional
        Folders that paths may lead into, by default the folder itself.
    """

    def __init__(self, root: Path, *, allow_outside: bool = False, inside: Sequence[Path] = ()) -> None:
        self._root = root
        self._allow_outside = allow_outside
        self._inside = [folder.resolve() for folder in inside or (root,)]

    def __getitem__(self, video_path: str) -> Video:
        """Return the handle of a path, absolute or relative to the folder.

        A path that is there is taken as it is written. Else ``file://`` is decoded, a backslash separates folders, as
        on Windows, and ``~`` is the user's own folder. Any other URL, a path at which no file is, and one that leads
        out of the folder where that is not allowed, give a handle that tells so when it is used.
        """
        path = self._root / video_path
        url = URL.fullmatch(video_path)
        if (url or "\\" in video_path) and not _is_there(path):
            if url and url["scheme"].lower() != "file":
                return RefusedVideo(f"a URL ({url['scheme']}), which is not downloaded: download it and give its path")
            path = self._root / (url2pathname(url["path"]) if url else video_path.replace("\\", "/"))
        elif video_path.startswith("~") and not _is_there(path):
            path = self._root / os.path.expanduser(video_path)  # noqa: PTH111 - Path's own raises for an unknown user
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError):  # Python 3.13 resolves a loop as far as it goes, earlier ones raise
            return RefusedVideo("not readable: a loop of symbolic links")
        except ValueError:
            return RefusedVideo("not a path: it holds a null character")
        if not self._allow_outside and not any(map(resolved.is_relative_to, self._inside)):
            return RefusedVideo(f"outside the corpus folder: --params allow_outside=true allows {resolved}")
        if _is_absent(path):
            return RefusedVideo(f"missing: there is no file {resolved} (paths are relative to the CSV's folder)")
        return VideoFile(path)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the relative paths of all videos under the folder, sorted."""
        files = (path for path in self._root.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
        return iter(sorted(path.relative_to(self._root).as_posix() for path in files))

    def __len__(self) -> int:
        return sum(1 for _ in iter(self))


def _is_absent(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # the handle will tell
        return False
    return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a null character
        return False


class VideoFolderDataset(AbstractDataset[None, VideoFolder]):
    """Loads a :class:`VideoFolder`.

    Parameters
    ----------
    filepath : str
        The folder, or a file in it (a manifest, to whose folder paths are relative), or several manifests, as of
        :class:`~fvc_kedro.datasets.ManifestDataset`.
    allow_outside : bool
        Whether paths may lead out of the folder, or out of those of the manifests.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, filepath: str, allow_outside: bool = False, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self._allow_outside = allow_outside
        self.metadata = metadata

    def load(self) -> VideoFolder:
        if self._filepath.is_dir():
            return VideoFolder(self._filepath, allow_outside=self._allow_outside)
        manifests = manifest_paths(self._filepath)
        folders = [path.parent for path in manifests]
        return VideoFolder(common_folder(manifests), allow_outside=self._allow_outside, inside=folders)

    def save(self, data: None) -> None:
        raise NotImplementedError("the videos of a corpus are read, never written")

    @property
    def content_files(self) -> list[Path]:
        """The videos of a folder; none beside a manifest, as the digests of its videos stand in corpus_index."""
        folder = self._filepath
        return [folder / path for path in VideoFolder(folder)] if folder.is_dir() else []

    def _exists(self) -> bool:
        return all(path.exists() for path in manifest_paths(self._filepath))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "allow_outside": self._allow_outside}
