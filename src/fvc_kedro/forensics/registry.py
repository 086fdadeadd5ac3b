"""The one list of feature families, and the one loop that shows them a video's frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isinf, isnan

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from fvc_kedro.forensics import (
    bitstream,
    blockiness,
    chroma,
    classic,
    cooccurrence,
    dct,
    noise,
    region,
    scaled_copy,
    sharpness,
    spectrum,
    temporal,
)
from fvc_kedro.forensics.family import Extractor, Family, Segment
from fvc_kedro.forensics.view import View
from fvc_kedro.video.ahead import decoded_ahead
from fvc_kedro.video.container import UnusableVideoError
from fvc_kedro.video.frame import Frame, Rectangle
from fvc_kedro.video.handle import Video
from fvc_kedro.video.sampling import Stretch, cut_evenly, frame_times, uniform_indices

FAMILIES: dict[str, Family] = {
    "classic": classic.FAMILY,
    "cooccurrence": cooccurrence.FAMILY,
    "spectrum": spectrum.FAMILY,
    "sharpness": sharpness.FAMILY,
    "noise": noise.FAMILY,
    "blockiness": blockiness.FAMILY,
    "temporal": temporal.FAMILY,
    "dct": dct.FAMILY,
    "chroma": chroma.FAMILY,
    "bitstream": bitstream.FAMILY,
    "region": region.FAMILY,
    "scaled_copy": scaled_copy.FAMILY,
}


def feature_names(families: Sequence[str]) -> list[str]:
    """Names of all features of the given families, in their order."""
    return [name for family in families for name in FAMILIES[family].features]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames are looked at.

    Parameters
    ----------
    num_frames : int
        Frames of the whole video, at least one a segment; a shorter video is taken whole.
    segment_s : float
        Duration of a segment in seconds; infinity for one segment.
    frames_per_segment : int
        Frames of a segment that the families look at which do not need every one.
    """

    num_frames: int
    segment_s: float = float("inf")
    frames_per_segment: int = 24


Columns = dict[str, list[float | None]]


@dataclass
class _Work:
    """A segment while its frames come in."""

    stretch: Stretch
    extractors: Mapping[str, Extractor]
    sampled: frozenset[int]
    fewer: frozenset[int]
    n_seen: int = field(default=0)

    def update(self, view: View) -> None:
        number = view.frame.index
        if number not in self.sampled:
            return
        self.n_seen += 1
        for family, extractor in self.extractors.items():
            if FAMILIES[family].every_frame or number in self.fewer:
                extractor.update(view)


def measure(
    video: Video,
    families: Sequence[str],
    sampling: Sampling,
    region: Rectangle | None = None,
    frames_ahead: int = 0,
) -> dict[str, Columns]:
    """Measure feature families on the segments of a video.

    Parameters
    ----------
    video : Video
    families : sequence of str
        Names from ``FAMILIES``.
    sampling : Sampling
        Segments, and the frames that are sampled uniformly inside each. Families that ask for it see each
        with its successor in the video.
    region : (x, y, width, height), optional
        Part of the picture to look at, in pixels; all of it by default.
    frames_ahead : int
        Frames that a second thread decodes ahead; 0 decodes on this thread. The values are the same.

    Returns
    -------
    dict
        For each family the columns ``start_s``, ``end_s`` (seconds from the first frame) and one for each of
        its features, with a value for each segment; None where it is missing, which a family has to declare.
        Segments of which no frame can be decoded are left out.

    Raises
    ------
    UnusableVideoError
        If no frame can be decoded, a value is not finite or one is missing that may not be.
    """
    works = list(_plan(video, families, sampling))
    looks_ahead = any(FAMILIES[family].looks_ahead for family in families)
    wanted = _wanted_frames(works, video.info.n_frames, looks_ahead=looks_ahead)
    with _one_thread(), decoded_ahead(video.frames(wanted), frames_ahead) as frames:
        pending = iter(works)
        work = next(pending, None)
        for view in _with_successors(frames, region):
            while work is not None and view.frame.index >= work.stretch.last:
                work = next(pending, None)
            if work is not None:
                work.update(view)
    works = [work for work in works if work.n_seen > 0]
    if not works:
        raise UnusableVideoError("no picture can be decoded")
    return {family: _columns(family, works) for family in families}


def _plan(video: Video, families: Sequence[str], sampling: Sampling) -> Iterator[_Work]:
    info, packets = video.info, video.packets
    stretches = cut_evenly(frame_times(info, packets), info.fps, sampling.segment_s)
    for stretch in stretches:
        per_segment = max(1, sampling.num_frames // len(stretches))
        sampled = stretch.first + uniform_indices(stretch.last - stretch.first, per_segment)
        fewer = sampled[uniform_indices(sampled.size, sampling.frames_per_segment)]
        segment = Segment(info, stretch.first, stretch.last, packets)
        extractors = {family: FAMILIES[family].extractor(segment) for family in families}
        yield _Work(stretch, extractors, frozenset(sampled.tolist()), frozenset(fewer.tolist()))


def _wanted_frames(works: Sequence[_Work], n_frames: int, *, looks_ahead: bool) -> NDArray[np.int64]:
    sampled = np.array(sorted(number for work in works for number in work.sampled), np.int64)
    if not looks_ahead:
        return sampled
    successors = sampled + 1
    return np.union1d(sampled, successors[successors < n_frames])


def _with_successors(frames: Iterator[Frame], region: Rectangle | None) -> Iterator[View]:
    """Show each frame when its successor, if that is decoded at all, is known."""
    view: View | None = None
    for frame in frames:
        following = View(frame if region is None else frame.crop(region))
        if view is not None:
            if following.frame.index == view.frame.index + 1:
                view.successor = following
            yield view
        view = following
    if view is not None:
        yield view


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV and BLAS to one thread: workers share the cores, and sums come out the same on any number."""
    n_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(n_threads)


def _columns(family: str, works: Sequence[_Work]) -> Columns:
    columns: Columns = {
        "start_s": [work.stretch.start_s for work in works],
        "end_s": [work.stretch.end_s for work in works],
    }
    results = [work.extractors[family].result() for work in works]
    for name in FAMILIES[family].features:
        columns[name] = [_checked(name, result[name], may_miss=bool(FAMILIES[family].missing)) for result in results]
    return columns


def _checked(name: str, value: float, *, may_miss: bool) -> float | None:
    if isinf(value) or (isnan(value) and not may_miss):
        raise UnusableVideoError(f"{name} is {value}, not a finite number")
    return None if isnan(value) else float(value)
