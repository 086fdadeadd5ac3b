"""The design of the sample corpus: which versions of which clip are made, with which settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from fvc_kedro.datasets.made_videos import RecipeBatch
from fvc_kedro.parameters import ExecutionParameters, SampleCorpusParameters
from fvc_kedro.pipelines.sample_corpus.regions import Ellipse, FaceRegion, shows_face
from fvc_kedro.pipelines.sample_corpus.tampering import (
    CopyMove,
    FaceBlend,
    FaceJitter,
    FaceSwap,
    FrameDeletion,
    FrameFreeze,
    Inpainting,
    Reenactment,
    Resynthesis,
    Splice,
    Tampering,
    Version,
)
from fvc_kedro.video import Video, VideoRecipe
from fvc_kedro.video.encoding import Encoding

# Of clips that show a face and of those that show none; the first of each takes a second clip of its kind.
FACE_MANIPULATIONS = ("face_swap", "resynthesis", "reenactment", "face_blend", "face_jitter")
SCENE_MANIPULATIONS = ("splice", "copy_move", "inpainting", "frame_freeze", "frame_deletion")
_KEYFRAME_INTERVALS = (12, 50, 250)


def design_sample_corpus(
    sample_clips: Mapping[str, Video], sample_corpus: dict[str, Any], execution: dict[str, Any]
) -> tuple[RecipeBatch, pl.DataFrame]:
    """Draw the versions of every clip.

    Versions come in pairs, a real one and a tampered one of the same stretch, scale and encoding, which
    are brought to the same size in bytes: neither bitrate, resolution, length nor the number of encodings can
    tell the label.

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
        A row for each version: video_path, label, group (the clip), platform, subset (faces or scenes),
        manipulation.

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
    with_face = [name for name in names if shows_face(sample_clips[name])]
    without = [name for name in names if name not in with_face]
    recipes: dict[str, VideoRecipe] = {}
    rows = []
    kinds = ("faces", with_face, FACE_MANIPULATIONS), ("scenes", without, SCENE_MANIPULATIONS)
    for subset, clips, manipulations in kinds:
        schedule = _schedule(manipulations if len(clips) > 1 else manipulations[1:], generator)
        for name in clips:
            clip, stem = sample_clips[name], name.rsplit(".", 1)[0]
            donors = [sample_clips[other] for other in clips if other != name]
            for pair in range(parameters.pairs):
                manipulation = next(schedule)
                for label, version, encoding in _draw_pair(clip, donors, manipulation, parameters, generator):
                    video = f"{stem}_{pair + 1}_{label}"
                    recipes[video] = VideoRecipe(clip, version, encoding)
                    kind = manipulation if label == "fake" else "none"
                    rows.append((f"videos/{video}.mp4", label, stem, "sample", subset, kind))
    columns = ["video_path", "label", "group", "platform", "subset", "manipulation"]
    manifest = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").sort("video_path")
    settings = ExecutionParameters.model_validate(execution).to_execution()
    # A version without its twin would let metadata tell the label.
    return RecipeBatch(recipes, settings, "making the sample corpus", needs_all=True), manifest


def _schedule(manipulations: Sequence[str], generator: Generator) -> Iterator[str]:
    """Repeat manipulations in a drawn order: each comes equally often, none twice in a clip."""
    return cycle([manipulations[i] for i in generator.permutation(len(manipulations))])


def _draw_pair(
    clip: Video, donors: list[Video], manipulation: str, parameters: SampleCorpusParameters, generator: Generator
) -> list[tuple[str, Version, Encoding]]:
    info = clip.info
    seconds = generator.uniform(parameters.length_s.low, parameters.length_s.high)
    length = max(4, min(round(seconds * info.fps), 5 * info.n_frames // 6))
    count = max(2, length // 5)
    start = int(generator.integers(max(1, info.n_frames - length - count + 1)))
    scale = float(generator.choice(parameters.scales))
    rate = generator.uniform(parameters.rate.low, parameters.rate.high)
    encoding = Encoding(
        keyframe_interval=int(generator.choice(_KEYFRAME_INTERVALS)),
        bits_a_second=round(rate * scale**2 * info.bitrate),
    )
    tampering = _draw_tampering(manipulation, clip, donors, length, count, generator)
    return [
        ("real", Version(start, length, scale, None), encoding),
        ("fake", Version(start, length, scale, tampering), encoding),
    ]


def _draw_tampering(
    manipulation: str, clip: Video, donors: list[Video], length: int, count: int, generator: Generator
) -> Tampering:
    if manipulation in FACE_MANIPULATIONS:
        return _draw_on_face(manipulation, clip, donors, generator)
    if manipulation in ("frame_freeze", "frame_deletion"):
        at = length // 3 + int(generator.integers(max(1, length // 3)))
        return FrameFreeze(at, count) if manipulation == "frame_freeze" else FrameDeletion(at, count)
    if manipulation == "splice":
        donor = donors[int(generator.integers(len(donors)))]
        return Splice(_draw_ellipse(generator, 0.25), bool(generator.integers(2)), donor, donor.content_hash)
    place = _draw_ellipse(generator, 0.18)
    if manipulation == "inpainting":
        return Inpainting(place)
    return CopyMove(place, _draw(generator, 0.25, 0.3), _draw(generator, -0.1, 0.1))


def _draw_on_face(manipulation: str, clip: Video, donors: list[Video], generator: Generator) -> Tampering:
    ellipse = _draw_ellipse(generator, 0.25)
    face = _face(clip, ellipse)
    if manipulation == "face_swap":
        donor = donors[int(generator.integers(len(donors)))]
        return FaceSwap(face, _face(donor, ellipse), donor, donor.content_hash)
    if manipulation == "resynthesis":
        blue, green, red = (_draw(generator, -12, 12) for _ in range(3))
        return Resynthesis(face, _draw(generator, 2, 4), (blue, green, red))
    if manipulation == "reenactment":
        return Reenactment(
            face,
            factor=_draw(generator, 1.5, 2.5),
            smoothing=_draw(generator, 5, 15),
            sharpening=_draw(generator, 0.3, 0.8),
            jitter=_draw(generator, 0.25, 0.75),
            seed=int(generator.integers(2**32)),
        )
    if manipulation == "face_blend":
        return FaceBlend(
            face,
            across=_draw(generator, -0.03, 0.03),
            down=_draw(generator, -0.03, 0.03),
            zoom=_draw(generator, 0.95, 1.05),
            contrast=_draw(generator, 0.9, 1.1),
            brightness=_draw(generator, -10, 10),
            share=float(generator.choice([0.5, 0.75, 1.0])),
        )
    return FaceJitter(face, _draw(generator, 0.25, 0.75), _draw(generator, 0.5, 2), int(generator.integers(2**32)))


def _face(clip: Video, otherwise: Ellipse) -> FaceRegion:
    return FaceRegion(otherwise, otherwise.feather, clip.info.fps, clip.info.rotation)


def _draw(generator: Generator, low: float, high: float) -> float:
    return round(float(generator.uniform(low, high)), 4)


def _draw_ellipse(generator: Generator, most_radius: float) -> Ellipse:
    return Ellipse(
        x=_draw(generator, 0.35, 0.65),
        y=_draw(generator, 0.35, 0.65),
        radius_x=_draw(generator, 0.12, most_radius),
        radius_y=_draw(generator, 0.12, most_radius),
        feather=_draw(generator, 0.1, 0.5),
        drift_x=_draw(generator, -0.003, 0.003),
        drift_y=_draw(generator, -0.002, 0.002),
    )
