"""What a feature family is, and how figures of single frames become features of a segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.forensics.view import View
from fvc_kedro.video.packets import PacketTable
from fvc_kedro.video.probe import VideoInfo

_LARGEST_JUMP = 100.0
_LEAST_SPREAD = 0.01


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a video that is measured on its own.

    Attributes
    ----------
    info : VideoInfo
        Of the whole video.
    first, last : int
        Numbers of its first frame and of the frame after its last.
    packets : PacketTable, optional
        Of the whole video; None where there is no file.
    """

    info: VideoInfo
    first: int
    last: int
    packets: PacketTable | None = None


class Extractor(Protocol):
    """Told of every sampled frame of a segment in order, asked at the end."""

    def update(self, view: View) -> None:
        """Take in one sampled frame."""

    def result(self) -> dict[str, float]:
        """Return a value for each of the family's features, NaN where it is missing."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What a column tells.

    Attributes
    ----------
    definition, unit : str
    unchanged_by : str
        What may differ between two videos of one scene without changing the value much.
    """

    definition: str
    unit: str
    unchanged_by: str


@dataclass(frozen=True, slots=True)
class Family:
    """A feature family.

    Attributes
    ----------
    version : int
        Raised whenever a value may change, so that stored measurements are made anew.
    about : str
        One sentence: what it looks for.
    source : str
        The papers it is after.
    features : mapping of str to Feature
        By column name.
    extractor : callable
        Makes an extractor for a segment.
    cost : float, optional
        Processor time next to decoding a 720p video, see benchmarks/extraction.py.
    missing : str
        When values may be missing; empty where they may not.
    looks_ahead : bool
        Whether it looks at the successors of the sampled frames.
    every_frame : bool
        Whether it sees every sampled frame, or at most ``frames_per_segment`` of a segment.
    depends_on : callable, () -> str
        Text that changes when something beside its version does that its values depend on.
    """

    version: int
    about: str
    source: str
    features: Mapping[str, Feature]
    extractor: Callable[[Segment], Extractor]
    cost: float | None
    missing: str = ""
    looks_ahead: bool = False
    every_frame: bool = False
    depends_on: Callable[[], str] = field(default=lambda: "")


def _jump(values: NDArray[np.float64]) -> float:
    middle = float(np.median(values))
    distances = np.abs(values - middle)
    spread = max(float(np.median(distances)), _LEAST_SPREAD * abs(middle), 1e-6)
    return min(float(distances.max()) / spread, _LARGEST_JUMP)


def _mode_share(values: NDArray[np.float64]) -> float:
    return float(np.unique(values, return_counts=True)[1].max() / values.size)


_AGGREGATES: dict[str, tuple[str, Callable[[NDArray[np.float64]], float]]] = {
    "mean": ("mean over frames", lambda values: float(values.mean())),
    "std": ("standard deviation over frames", lambda values: float(values.std())),
    "p10": ("10th percentile over frames", lambda values: float(np.percentile(values, 10))),
    "p50": ("median over frames", lambda values: float(np.median(values))),
    "p90": ("90th percentile over frames", lambda values: float(np.percentile(values, 90))),
    "jump": (
        "largest distance from the median over the median distance (at least 1 % of the median, at most 100)",
        _jump,
    ),
    "mode_share": ("share of frames at the most frequent value", _mode_share),
}
ALL = ("mean", "std", "p10", "p50", "p90", "jump")
MEAN = ("mean",)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of one frame, and what becomes of it over a segment.

    Attributes
    ----------
    name, definition, unit, unchanged_by : str
        As of a feature.
    aggregates : tuple of str
        From mean, std, p10, p50, p90, jump, mode_share.
    """

    name: str
    definition: str
    unit: str
    unchanged_by: str
    aggregates: tuple[str, ...] = ALL


PerFrame = Callable[[View], Sequence[float]]


def frame_features(family: str, measures: Sequence[Measure]) -> dict[str, Feature]:
    """Name and describe the columns of a family whose measures are taken frame by frame."""
    return {
        f"{family}_{measure.name}_{aggregate}": Feature(
            f"{measure.definition}; {_AGGREGATES[aggregate][0]}", _unit(measure.unit, aggregate), measure.unchanged_by
        )
        for measure in measures
        for aggregate in measure.aggregates
    }


def _unit(unit: str, aggregate: str) -> str:
    return {"jump": "1", "mode_share": "share"}.get(aggregate, unit)


class FrameExtractor:
    """Gathers figures of single frames over a segment.

    Parameters
    ----------
    family : str
        Its name, with which the columns begin.
    measures : sequence of Measure
    per_frame : callable, View -> sequence of float
        A figure for each measure, NaN where there is none.
    """

    def __init__(self, family: str, measures: Sequence[Measure], per_frame: PerFrame) -> None:
        self._family = family
        self._measures = measures
        self._per_frame = per_frame
        self._rows: list[Sequence[float]] = []

    def update(self, view: View) -> None:
        """Measure one sampled frame."""
        self._rows.append(self._per_frame(view))

    def result(self) -> dict[str, float]:
        """Aggregate the figures of the frames that have one."""
        table = np.array(self._rows, np.float64).reshape(-1, len(self._measures))
        return {
            f"{self._family}_{measure.name}_{aggregate}": _aggregate(column, aggregate)
            for measure, column in zip(self._measures, table.T, strict=True)
            for aggregate in measure.aggregates
        }


_FEWEST = {"std": 2, "jump": 3}  # frames that an aggregate needs to say anything


def _aggregate(column: NDArray[np.float64], aggregate: str) -> float:
    values = column[~np.isnan(column)]
    return _AGGREGATES[aggregate][1](values) if values.size >= _FEWEST.get(aggregate, 1) else float("nan")


def frame_family(
    name: str,
    measures: Sequence[Measure],
    per_frame: PerFrame,
    *,
    version: int,
    about: str,
    source: str,
    cost: float,
    missing: str,
    looks_ahead: bool = False,
    every_frame: bool = False,
) -> Family:
    """Make a family of measures that are taken frame by frame."""
    return Family(
        version=version,
        about=about,
        source=source,
        features=frame_features(name, measures),
        extractor=lambda _: FrameExtractor(name, measures, per_frame),
        cost=cost,
        missing=missing,
        looks_ahead=looks_ahead,
        every_frame=every_frame,
    )
