"""The one list of feature families, and the one loop that shows them a video's frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
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


PARTS = (*FAMILIES, *(f"region.{place}" for place in region.PLACES))


def columns_of(parts: Sequence[str]) -> list[str]:
    """Names of all features of the given parts, in their order.

    Parameters
    ----------
    parts : sequence of str
        Names from ``PARTS``: a family, or a place of the family region, such as ``region.face``.

    Raises
    ------
    ValueError
        If there is no such part.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise ValueError(f"unknown parts {unknown}; there are {list(PARTS)}")
    columns: dict[str, None] = {}  # each once, though a place is part of its family
    for part in parts:
        family, _, place = part.partition(".")
        columns |= dict.fromkeys(region.columns_of_place(place) if place else feature_names([family]))
    return list(columns)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames are looked at.

    Parameters
    ----------
    num_frames : int
        Most frames of the whole video; a video with no more is taken whole.
    segment_s : float
        Duration of a segment in seconds; infinity for one segment.
    frames_per_segment : int
        Frames of a segment that the families look at which do not need every one. Where ``num_frames`` are too few
        to give every segment so many, fewer segments are measured, evenly spread over the video.
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

    def finish(self) -> _Finished | None:
        """Sum up the frames, so that they need not be kept; None where there was none."""
        if self.n_seen == 0:
            return None
        results = {family: extractor.result() for family, extractor in self.extractors.items()}
        return _Finished(self.stretch.start_s, self.stretch.end_s, results)


@dataclass(frozen=True, slots=True)
class _Finished:
    """A segment whose frames are all seen."""

    start_s: float
    end_s: float
    results: Mapping[str, Mapping[str, float]]


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
        Segments, and the frames that are sampled uniformly inside each. Each is shown with its successor in
        the video, where that can be decoded.
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
        If no frame can be decoded, the size of the picture changes, a value is not finite or one is missing that
        may not be.
    ValueError
        If the family ``region``, which finds its own part of the picture, is to look at a part.
    """
    if region is not None and "region" in families:
        raise ValueError(f"the family region looks at whole pictures, not at a part of them ({region})")
    plan = _plan(video, sampling)
    wanted = _with_following(plan, video.info.n_frames)
    with _one_thread(), decoded_ahead(video.frames(wanted), frames_ahead) as frames:
        views = _with_successors(frames, region)
        finished = list(_finished_segments(views, plan, partial(_start, video, families, sampling)))
    if not finished:
        raise UnusableVideoError("no picture can be decoded")
    return {family: _columns(family, finished) for family in families}


def _plan(video: Video, sampling: Sampling) -> list[tuple[Stretch, NDArray[np.int64]]]:
    """Choose the segments and their sampled frames."""
    stretches = cut_evenly(frame_times(video.info, video.packets), video.info.duration_s, sampling.segment_s)
    if video.info.n_frames <= sampling.num_frames:
        return [(stretch, np.arange(stretch.first, stretch.last)) for stretch in stretches]
    most = max(1, sampling.num_frames // sampling.frames_per_segment)
    chosen = [stretches[number] for number in uniform_indices(len(stretches), most)]
    share = max(1, sampling.num_frames // len(chosen))
    return [(one, one.first + uniform_indices(one.last - one.first, share)) for one in chosen]


def _start(
    video: Video, families: Sequence[str], sampling: Sampling, stretch: Stretch, sampled: NDArray[np.int64]
) -> _Work:
    fewer = sampled[uniform_indices(sampled.size, sampling.frames_per_segment)]
    segment = Segment(video.info, stretch.first, stretch.last, video.packets)
    extractors = {family: FAMILIES[family].extractor(segment) for family in families}
    return _Work(stretch, extractors, frozenset(sampled.tolist()), frozenset(fewer.tolist()))


def _with_following(plan: Sequence[tuple[Stretch, NDArray[np.int64]]], n_frames: int) -> NDArray[np.int64]:
    """List sampled frames and their successors, whoever asks: what is decoded of a damaged file depends on it."""
    sampled = np.concatenate([numbers for _, numbers in plan]) if plan else np.empty(0, np.int64)
    successors = sampled + 1
    return np.union1d(sampled, successors[successors < n_frames])


def _finished_segments(
    views: Iterator[View],
    plan: Sequence[tuple[Stretch, NDArray[np.int64]]],
    start: Callable[[Stretch, NDArray[np.int64]], _Work],
) -> Iterator[_Finished]:
    """Show the frames to their segments, one segment at a time; those without a frame are left out."""
    pending = iter(plan)
    entry = next(pending, None)
    work = None if entry is None else start(*entry)
    for view in views:
        while work is not None and view.frame.index >= work.stretch.last:
            if (finished := work.finish()) is not None:
                yield finished
            entry = next(pending, None)
            work = None if entry is None else start(*entry)
        if work is not None:
            work.update(view)
    if work is not None and (finished := work.finish()) is not None:
        yield finished


def _with_successors(frames: Iterator[Frame], region: Rectangle | None) -> Iterator[View]:
    """Show each frame when its successor, if that is decoded at all, is known."""
    view: View | None = None
    for frame in frames:
        following = View(frame if region is None else frame.crop(region))
        if view is not None:
            _check_same_size(view.frame, frame)
            if following.frame.index == view.frame.index + 1:
                view.successor = following
            yield view
        view = following
    if view is not None:
        yield view


def _check_same_size(before: Frame, after: Frame) -> None:
    old, new = ((frame.picture.width, frame.picture.height) for frame in (before, after))
    if old != new:
        raise UnusableVideoError(
            f"the size of the picture changes from {old[0]}x{old[1]} to {new[0]}x{new[1]} at frame {after.index}"
        )


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


def _columns(family: str, segments: Sequence[_Finished]) -> Columns:
    columns: Columns = {
        "start_s": [segment.start_s for segment in segments],
        "end_s": [segment.end_s for segment in segments],
    }
    may_miss = bool(FAMILIES[family].missing)
    for name in FAMILIES[family].features:
        columns[name] = [_checked(name, segment.results[family][name], may_miss=may_miss) for segment in segments]
    return columns


def _checked(name: str, value: float, *, may_miss: bool) -> float | None:
    if isinf(value) or (isnan(value) and not may_miss):
        raise UnusableVideoError(f"{name} is {value}, not a finite number")
    return None if isnan(value) else float(value)
