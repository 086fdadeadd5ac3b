"""The design of the sample corpus: which versions of which clip are made, with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from fvc_kedro.datasets.made_videos import RecipeBatch
from fvc_kedro.parameters import ExecutionParameters, SampleCorpusParameters
from fvc_kedro.pipelines.sample_corpus.regions import BesideFace, Ellipse, FaceRegion, Region, TrackedPatch
from fvc_kedro.pipelines.sample_corpus.tampering import (
    CopyMove,
    FrameDeletion,
    FrameFreeze,
    Inpainting,
    MatchedSplice,
    Reenactment,
    Resynthesis,
    Splice,
    Tampering,
    Version,
)
from fvc_kedro.video import Video, VideoRecipe
from fvc_kedro.video.encoding import Encoding

MANIPULATIONS = (
    "splice",
    "matched_splice",
    "resynthesis",
    "reenactment",
    "copy_move",
    "inpainting",
    "frame_freeze",
    "frame_deletion",
)
_KEYFRAME_INTERVALS = (12, 50, 250)


def design_sample_corpus(
    sample_clips: Mapping[str, Video], sample_corpus: dict[str, Any], execution: dict[str, Any]
) -> tuple[RecipeBatch, pl.DataFrame]:
    """Draw the versions of every clip.

    Versions come in pairs, a real one and a tampered one of the same stretch, scale and encoding, so
    neither bitrate, resolution, length nor the number of encodings can tell the label.

    Parameters
    ----------
    sample_clips : mapping of str to Video
        The clips by file name.
    sample_corpus, execution : dict
        Parameters.

    Returns
    -------
    videos : RecipeBatch
        Recipes by name.
    manifest : DataFrame
        A row for each version: video_path, label, group (the clip), platform, manipulation.

    Raises
    ------
    ValueError
        If there are fewer than two clips.
    """
    parameters = SampleCorpusParameters.model_validate(sample_corpus)
    names = sorted(sample_clips)
    if len(names) < 2:
        raise ValueError(f"the sample corpus needs at least two clips, found {names}")
    generator = np.random.default_rng(parameters.seed)
    schedule = _schedule(len(names) * parameters.pairs, generator)
    recipes: dict[str, VideoRecipe] = {}
    rows = []
    for number, name in enumerate(names):
        clip = sample_clips[name]
        donor = sample_clips[names[(number + 1 + int(generator.integers(len(names) - 1))) % len(names)]]
        for pair in range(parameters.pairs):
            manipulation = schedule[number * parameters.pairs + pair]
            for label, version, encoding in _draw_pair(clip, donor, manipulation, parameters, generator):
                stem = name.rsplit(".", 1)[0]
                video = f"{stem}_{pair + 1}_{label}"
                recipes[video] = VideoRecipe(clip, version, encoding)
                kind = manipulation if label == "fake" else "none"
                rows.append((f"videos/{video}.mp4", label, stem, "sample", kind))
    columns = ["video_path", "label", "group", "platform", "manipulation"]
    manifest = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").sort("video_path")
    settings = ExecutionParameters.model_validate(execution).to_execution()
    return RecipeBatch(recipes, settings, "making the sample corpus"), manifest


def _schedule(length: int, generator: np.random.Generator) -> list[str]:
    """Order manipulations so that each comes equally often and, in a clip, as few as can be come twice."""
    rounds = -(-length // len(MANIPULATIONS))
    return [MANIPULATIONS[i] for _ in range(rounds) for i in generator.permutation(len(MANIPULATIONS))][:length]


def _draw_pair(
    clip: Video, donor: Video, manipulation: str, parameters: SampleCorpusParameters, generator: np.random.Generator
) -> list[tuple[str, Version, Encoding]]:
    n_frames = clip.info.n_frames
    length = max(4, round(generator.uniform(parameters.length.low, parameters.length.high) * n_frames))
    count = max(2, length // 5)
    start = int(generator.integers(max(1, n_frames - length - count + 1)))
    scale = float(generator.choice(parameters.scales))
    encoding = Encoding(
        crf=int(generator.integers(int(parameters.crf.low), int(parameters.crf.high) + 1)),
        keyframe_interval=int(generator.choice(_KEYFRAME_INTERVALS)),
    )
    tampering = _draw_tampering(manipulation, clip, donor, length, count, generator)
    return [
        ("real", Version(start, length, scale, None), encoding),
        ("fake", Version(start, length, scale, tampering), encoding),
    ]


def _draw_tampering(
    manipulation: str, clip: Video, donor: Video, length: int, count: int, generator: np.random.Generator
) -> Tampering:
    if manipulation in ("frame_freeze", "frame_deletion"):
        at = length // 3 + int(generator.integers(max(1, length // 3)))
        return FrameFreeze(at, count) if manipulation == "frame_freeze" else FrameDeletion(at, count)
    return _draw_spatial(manipulation, clip, donor, generator)


def _draw_spatial(manipulation: str, clip: Video, donor: Video, generator: np.random.Generator) -> Tampering:
    fps, rotation = clip.info.fps, clip.info.rotation
    if manipulation in ("copy_move", "inpainting"):
        place = BesideFace(_draw_ellipse(generator, 0.18), fps, rotation)
        if manipulation == "inpainting":
            return Inpainting(place)
        return CopyMove(place, _draw(generator, 0.25, 0.3), _draw(generator, -0.1, 0.1))
    ellipse = _draw_ellipse(generator, 0.25)
    otherwise = TrackedPatch(ellipse) if manipulation == "reenactment" else ellipse
    face = FaceRegion(otherwise, ellipse.feather, fps, rotation)
    if manipulation == "reenactment":
        return _draw_reenactment(face, generator)
    if manipulation == "resynthesis":
        blue, green, red = (_draw(generator, -12, 12) for _ in range(3))
        return Resynthesis(face, _draw(generator, 2, 4), (blue, green, red))
    if manipulation == "matched_splice":
        return MatchedSplice(face, donor, donor.content_hash)
    return Splice(face, bool(generator.integers(2)), donor, donor.content_hash)


def _draw(generator: np.random.Generator, low: float, high: float) -> float:
    return round(float(generator.uniform(low, high)), 4)


def _draw_ellipse(generator: np.random.Generator, most_radius: float) -> Ellipse:
    return Ellipse(
        x=_draw(generator, 0.35, 0.65),
        y=_draw(generator, 0.35, 0.65),
        radius_x=_draw(generator, 0.12, most_radius),
        radius_y=_draw(generator, 0.12, most_radius),
        feather=_draw(generator, 0.1, 0.5),
        drift_x=_draw(generator, -0.003, 0.003),
        drift_y=_draw(generator, -0.002, 0.002),
    )


def _draw_reenactment(region: Region, generator: np.random.Generator) -> Reenactment:
    return Reenactment(
        region,
        factor=_draw(generator, 1.5, 2.5),
        smoothing=_draw(generator, 5, 15),
        sharpening=_draw(generator, 0.3, 0.8),
        jitter=_draw(generator, 0.5, 1.0),
        seed=int(generator.integers(2**32)),
    )
