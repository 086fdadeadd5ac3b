"""What lies in a folder, read once."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.datasets.video_folder import VIDEO_SUFFIXES

_SHOWN = 100  # characters of a path


@dataclass(frozen=True)
class Listing:
    """The files under a folder, by path relative to it, folders separated by ``/``.

    Attributes
    ----------
    root : Path
        The folder, without symbolic links.
    videos : list of str
        Files that end like a video, sorted.
    others : list of str
        All other files, sorted.
    left_out : dict
        Why a path is in neither: of videos and of folders that cannot be used.
    n_linked : int
        Videos that lie outside the folder and are reached through symbolic links.
    """

    root: Path
    videos: list[str]
    others: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    n_linked: int = 0

    def named(self, *names: str) -> list[str]:
        """Paths of the other files that bear one of the names, in any folder and any letter case."""
        return [path for path in self.others if path.rpartition("/")[2].lower() in names]

    def read_text(self, path: str) -> str:
        """Read a file.

        Raises
        ------
        FileError
            If it cannot be read or is not UTF-8.
        """
        try:
            return (self.root / path).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise FileError(f"{self.root / path} cannot be read ({error.strerror}): see that it may be read") from error
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise FileError(f"{self.root / path}, line {line} is not UTF-8: download the file anew") from error


def list_folder(folder: Path) -> Listing:
    """List the files under a folder.

    Symbolic links are followed, but one to a folder that is listed anyway, or was followed before, is not.

    Raises
    ------
    FileError
        If there is no video.
    """
    root = folder.resolve()
    videos: list[str] = []
    others: list[str] = []
    left_out: dict[str, str] = {}
    n_linked = 0
    followed = set()
    waiting = [("", False)]  # folders, and whether they are outside
    while waiting:
        prefix, outside = waiting.pop()
        try:
            entries = list(os.scandir(root / prefix))
        except OSError as error:
            left_out[prefix or "."] = f"a folder that cannot be read ({error.strerror})"
            continue
        for entry in entries:
            path = prefix + entry.name
            linked = outside
            if entry.is_symlink():
                try:
                    target = (root / path).resolve(strict=True)
                except (OSError, RuntimeError):  # of a loop, Python before 3.13 raises the latter
                    left_out[path] = "a symbolic link that leads nowhere or in a loop"
                    continue
                linked = not target.is_relative_to(root)
                if entry.is_dir() and (not linked or target in followed):
                    left_out[path] = "a symbolic link to a folder that is listed already"
                    continue
                followed.add(target)
            if entry.is_dir():
                waiting.append((path + "/", linked))
            elif os.path.splitext(entry.name)[1].lower() not in VIDEO_SUFFIXES:  # noqa: PTH122 - Path takes seconds
                others.append(path)
            elif not entry.is_file():
                left_out[path] = "no ordinary file"
            elif entry.name.startswith("._"):
                left_out[path] = "what macOS keeps beside a file, no video"
            else:
                videos.append(path)
                n_linked += linked
    if not videos:
        _refuse_no_video(folder, others, left_out)
    return Listing(root, sorted(videos), sorted(others), left_out, n_linked)


def quoted(path: str) -> str:
    """Write a path in quotes for a message, a long one without its middle."""
    return repr(path if len(path) <= _SHOWN else f"{path[: _SHOWN // 2]}…{path[-_SHOWN // 2 :]}")


def _refuse_no_video(folder: Path, others: list[str], left_out: dict[str, str]) -> None:
    suffixes = Counter(os.path.splitext(path)[1].lower() or "no ending" for path in others)  # noqa: PTH122
    held = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(3)) or "no file at all"
    reasons = "".join(f"; {quoted(path)} is {reason}" for path, reason in list(left_out.items())[:1])
    raise FileError(
        f"there is no video in {folder} or its folders (it holds {held}{reasons}): give the folder that the corpus was "
        "unpacked in; frames or features that were taken from videos are not read"
    )
