"""The design of the sample corpus: which versions of which clip are made, with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from fvc_kedro.datasets.made_videos import RecipeBatch
from fvc_kedro.parameters import ExecutionParameters, SampleCorpusParameters
from fvc_kedro.pipelines.sample_corpus.tampering import (
    CopyMove,
    Ellipse,
    FrameDeletion,
    FrameFreeze,
    Inpainting,
    Resynthesis,
    Splice,
    Tampering,
    Version,
)
from fvc_kedro.video import Video, VideoRecipe
from fvc_kedro.video.encoding import Encoding

MANIPULATIONS = ("splice", "resynthesis", "copy_move", "inpainting", "frame_freeze", "frame_deletion")
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
    at = start + length // 3 + int(generator.integers(max(1, length // 3)))
    tampering = _draw_tampering(manipulation, donor, at, count, generator)
    return [
        ("real", Version(start, length, scale, None), encoding),
        ("fake", Version(start, length, scale, tampering), encoding),
    ]


def _draw_tampering(manipulation: str, donor: Video, at: int, count: int, generator: np.random.Generator) -> Tampering:
    def draw(low: float, high: float) -> float:
        return round(float(generator.uniform(low, high)), 4)

    def region(low: float, high: float) -> Ellipse:
        return Ellipse(
            draw(0.35, 0.65),
            draw(0.35, 0.65),
            draw(low, high),
            draw(low, high),
            draw(-0.003, 0.003),
            draw(-0.002, 0.002),
        )

    if manipulation == "splice":
        return Splice(region(0.12, 0.22), bool(generator.integers(2)), donor, donor.content_hash)
    if manipulation == "resynthesis":
        return Resynthesis(region(0.15, 0.25), draw(2, 4), (draw(-12, 12), draw(-12, 12), draw(-12, 12)))
    if manipulation == "copy_move":
        target = region(0.10, 0.18)
        towards_centre = 1 if target.x >= 0.5 else -1  # so that what is copied lies inside the picture
        return CopyMove(target, towards_centre * draw(0.2, 0.3), draw(-0.1, 0.1))
    if manipulation == "inpainting":
        return Inpainting(region(0.08, 0.14))
    if manipulation == "frame_freeze":
        return FrameFreeze(at, count)
    return FrameDeletion(at, count)
