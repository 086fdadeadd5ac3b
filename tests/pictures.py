"""Synthetic pictures for the tests, and a family's figures of them."""

from __future__ import annotations

from types import ModuleType

import cv2
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fvc_kedro.forensics.family import Segment
from fvc_kedro.forensics.view import View
from fvc_kedro.video import Frame, VideoArray

ANY_PICTURE = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)))
SMALL_AND_ODD = [(1, 1), (1, 9), (9, 1), (2, 2), (5, 7), (16, 16), (33, 65), (70, 131)]


def noise(shape: tuple[int, int], sigma: float = 10, seed: int = 0, mean: float = 128) -> np.ndarray:
    values = np.random.default_rng(seed).normal(mean, sigma, shape)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def texture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Detail of many scales, the coarse the stronger, with a little noise; values from 60 to 180, all even."""
    generator = np.random.default_rng(seed)
    total = generator.normal(0, 4, shape)
    for size in (2, 4, 8, 16, 32):
        coarse = generator.normal(0, size, (shape[0] // size + 2, shape[1] // size + 2))
        total += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (np.rint((total - total.min()) / max(np.ptp(total), 1e-9) * 60) * 2 + 60).astype(np.uint8)


def checkerboard(shape: tuple[int, int]) -> np.ndarray:
    return (np.indices(shape).sum(axis=0) % 2 * 255).astype(np.uint8)


def jpeg(luma: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


def view_of(luma: np.ndarray, successor: np.ndarray | None = None, *, full_range: bool = True) -> View:
    following = None if successor is None else View(Frame.from_luma(successor, full_range=full_range))
    return View(Frame.from_luma(luma, full_range=full_range), following)


def figures(family: ModuleType, view: View | np.ndarray) -> dict[str, float]:
    """A family's figures of one view, by the names of its measures."""
    values = family.per_frame(view if isinstance(view, View) else view_of(view))
    return dict(zip([measure.name for measure in family.MEASURES], values, strict=True))


def features(family: ModuleType, pictures: list[np.ndarray] | np.ndarray) -> dict[str, float]:
    """A family's features of a segment of grey frames."""
    info = VideoArray(np.stack(list(pictures))).info
    extractor = family.FAMILY.extractor(Segment(info, 0, len(pictures)))
    for picture, successor in zip(pictures, [*pictures[1:], None], strict=True):
        extractor.update(view_of(picture, successor))
    return extractor.result()


def assert_unchanged(family: ModuleType, before: View, after: View, by: str, tolerance: float) -> None:
    """Measures that say so must be unchanged by what differs between two views."""
    old, new = figures(family, before), figures(family, after)
    claimed = [measure.name for measure in family.MEASURES if by in measure.unchanged_by.split(", ")]
    assert claimed
    for name in claimed:
        assert abs(new[name] - old[name]) <= tolerance, (name, old[name], new[name])


def assert_length_changes_no_mean(family: ModuleType, pictures: list[np.ndarray]) -> None:
    """A segment and the same one twice as long have the same features, but for percentiles and jumps."""
    once, twice = features(family, pictures), features(family, [picture for picture in pictures for _ in range(2)])
    assert list(once) == list(family.FAMILY.features)
    for name in once:
        if name.endswith(("_mean", "_std", "_mode_share")):
            assert abs(twice[name] - once[name]) < 1e-9 or np.isnan([once[name], twice[name]]).all(), name
