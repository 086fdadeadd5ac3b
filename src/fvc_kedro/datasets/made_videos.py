"""Videos that the project makes, from recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.datasets.json_file import read_json, write_json
from fvc_kedro.execution import Execution, Outcomes, Task, run_tasks
from fvc_kedro.video import MadeVideo, VideoFile, VideoInfo, VideoRecipe

_REASONS_TOLD = 3


@dataclass(frozen=True, slots=True)
class RecipeBatch:
    """Recipes by video id, not made yet: the dataset makes the videos when it saves the batch.

    Where it ``needs_all``, videos that cannot be made stop the run, after the others have been made.
    """

    recipes: Mapping[str, VideoRecipe]
    execution: Execution
    description: str
    needs_all: bool = False


def _make_video(recipe: VideoRecipe, path: Path) -> dict[str, Any]:
    """Make one video; return what is noted of it."""
    recipe.write(path)
    video = VideoFile(path)
    return {"bytes": video.n_bytes, "sha256": video.content_hash, "info": asdict(video.info)}


class MadeVideosDataset(AbstractDataset[RecipeBatch, Outcomes[MadeVideo]]):
    """Makes the videos of a batch of recipes, in parallel, each in one decode-transform-encode stream.

    A video already made by the same recipe is left as it is; one whose id is no longer in the batch is
    removed. Videos that the dataset has not made are never touched. Beside each ``<video_id>.mp4`` lies a
    ``<video_id>.json`` that tells its recipe, its content hash and its container facts, so that a thousand copies need
    not be opened to be described.

    Parameters
    ----------
    path : str
        Folder of the videos, which belongs to this dataset alone.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self.metadata = metadata

    def save(self, data: RecipeBatch) -> None:
        """Make the videos.

        Raises
        ------
        FileError
            If the batch needs all and some cannot be made.
        """
        self._remove_others(set(data.recipes))
        keys = {name: recipe.key for name, recipe in data.recipes.items()}
        tasks = {
            name: Task(_make_video, (recipe, self._video(name)), recipe.cost)
            for name, recipe in data.recipes.items()
            if not self._is_made(name, keys[name])
        }
        for name in tasks:
            self._note(name).unlink(missing_ok=True)
            self._video(name).unlink(missing_ok=True)
        failures: dict[str, str] = {}
        for name, outcome in run_tasks(tasks, data.execution, data.description):
            if outcome.failure is None:
                write_json(self._note(name), {"key": keys[name]} | outcome.value)
            else:
                failures[name] = outcome.failure
        if data.needs_all and failures:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in sorted(failures.items())[:_REASONS_TOLD])
            raise FileError(
                f"{data.description}: {len(failures)} of {len(data.recipes)} videos could not be made, and all are "
                f"needed ({reasons}{'; …' if len(failures) > _REASONS_TOLD else ''}). The others are kept: mend the "
                "cause and run it again"
            )
        made = {name: read_json(self._note(name))["sha256"] for name in data.recipes if name not in failures}
        write_json(self._contents, {"videos": made, "failures": failures})

    def load(self) -> Outcomes[MadeVideo]:
        contents = read_json(self._contents)
        return Outcomes({name: self._load_video(name) for name in contents["videos"]}, contents["failures"])

    def _load_video(self, name: str) -> MadeVideo:
        note = read_json(self._note(name))
        return MadeVideo(self._video(name), VideoInfo(**note["info"]), note["sha256"])

    @property
    def made_files(self) -> list[Path]:
        """All files that the dataset has made."""
        notes = [note for note in self._path.glob("*.json") if self._is_ours(note)]
        videos = [video for note in notes if (video := self._video(note.stem)).exists()]
        return [*notes, *videos, *self.content_files] if self._exists() else []

    def _is_ours(self, note: Path) -> bool:
        """Tell whether a note is one of this dataset, and the video beside it the one that it is about."""
        try:
            noted = read_json(note)
            size, video = noted["bytes"], self._video(note.stem)
            return noted.keys() >= {"key", "sha256", "info"} and (not video.exists() or video.stat().st_size == size)
        except (ValueError, TypeError, KeyError):
            return False

    @property
    def content_files(self) -> list[Path]:
        """The files that tell the content."""
        return [self._contents]

    @property
    def needed_files(self) -> list[Path]:
        """The files that loading takes, and the videos."""
        names = read_json(self._contents)["videos"]
        return [self._contents, *(place(name) for name in names for place in (self._note, self._video))]

    @property
    def _contents(self) -> Path:
        return self._path / "_contents" / "contents.json"

    def _video(self, name: str) -> Path:
        return self._path / f"{name}.mp4"

    def _note(self, name: str) -> Path:
        return self._path / f"{name}.json"

    def _is_made(self, name: str, key: str) -> bool:
        note, video = self._note(name), self._video(name)
        if not (note.exists() and video.exists()):
            return False
        noted = read_json(note)
        return bool(noted["key"] == key and noted.get("bytes") == video.stat().st_size and "info" in noted)

    def _remove_others(self, names: set[str]) -> None:
        for note in self._path.glob("*.json"):  # a video without one is somebody else's
            if note.stem not in names and self._is_ours(note):
                self._video(note.stem).unlink(missing_ok=True)
                note.unlink()

    def _exists(self) -> bool:
        return self._contents.exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}
