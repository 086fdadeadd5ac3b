"""The one list of feature families, and the one loop that shows them a video's frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from fvc_kedro.forensics import classic, scaled_copy
from fvc_kedro.video.ahead import decoded_ahead
from fvc_kedro.video.container import UnusableVideoError
from fvc_kedro.video.frame import Frame, Rectangle
from fvc_kedro.video.handle import Video
from fvc_kedro.video.probe import VideoInfo
from fvc_kedro.video.sampling import uniform_indices


class Extractor(Protocol):
    """Told of every sampled frame, asked at the end."""

    def update(self, frame: Frame) -> None:
        """Take in one sampled frame."""

    def result(self) -> dict[str, float]:
        """Return a value for each of the family's features."""


@dataclass(frozen=True, slots=True)
class Family:
    """A feature family.

    Parameters
    ----------
    version : int
        Raised whenever a value may change, so that stored measurements are made anew.
    features : mapping
        Name of each feature to its definition with unit.
    extractor : callable
        Makes an extractor for a video of the given facts.
    """

    version: int
    features: Mapping[str, str]
    extractor: Callable[[VideoInfo], Extractor]


FAMILIES: dict[str, Family] = {
    "classic": Family(classic.VERSION, classic.FRAME_FEATURES | classic.CONTAINER_FEATURES, classic.ClassicExtractor),
    "scaled_copy": Family(scaled_copy.VERSION, scaled_copy.FRAME_FEATURES, scaled_copy.ScaledCopyExtractor),
}


def feature_names(families: Sequence[str]) -> list[str]:
    """Names of all features of the given families, in their order."""
    return [name for family in families for name in FAMILIES[family].features]


def measure(
    video: Video,
    families: Sequence[str],
    num_frames: int,
    region: Rectangle | None = None,
    frames_ahead: int = 0,
) -> dict[str, dict[str, float]]:
    """Measure feature families on uniformly sampled frames of a video.

    Parameters
    ----------
    video : Video
    families : sequence of str
        Names from ``FAMILIES``.
    num_frames : int
        Frames to sample; a shorter video is taken whole.
    region : (x, y, width, height), optional
        Part of the picture to look at, in pixels; all of it by default.
    frames_ahead : int
        Frames that a second thread decodes ahead; 0 decodes on this thread. The values are the same.

    Returns
    -------
    dict
        For each family, a finite value for each of its features.

    Raises
    ------
    UnusableVideoError
        If frames cannot be decoded or a value is not finite.
    """
    info = video.info
    extractors = {family: FAMILIES[family].extractor(info) for family in families}
    n_seen = 0
    with decoded_ahead(video.frames(uniform_indices(info.n_frames, num_frames)), frames_ahead) as frames:
        for frame in frames:
            seen = frame if region is None else frame.crop(region)
            for extractor in extractors.values():
                extractor.update(seen)
            n_seen += 1
    if n_seen == 0:
        raise UnusableVideoError("no picture can be decoded")
    values = {family: extractor.result() for family, extractor in extractors.items()}
    for name, value in ((name, value) for features in values.values() for name, value in features.items()):
        if not isfinite(value):
            raise UnusableVideoError(f"{name} is {value}, not a finite number")
    return values
