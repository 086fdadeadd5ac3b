"""Clips for the benchmarks: textured scenes with a moving camera, moving objects and sensor noise."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

FPS = 25
_NOISE = 4.0  # standard deviation in grey levels


def scene(
    width: int, height: int, n_frames: int, seed: int = 0, *, with_face: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Yield BGR pictures of shape (height, width, 3); with a face, a portrait moves over them."""
    portrait = astronaut()[:, :, ::-1]
    generator = np.random.default_rng(seed)
    background = _texture(width + 512, height + 256, generator)
    noise = [generator.normal(0, _NOISE, (height, width, 1)).astype(np.float32) for _ in range(13)]
    for number in range(n_frames):
        x, y = int(256 + 200 * np.sin(number / 30)), int(128 + 100 * np.cos(number / 40))
        picture = background[y : y + height, x : x + width].copy()
        for k in range(4):
            centre = (
                int(width * (0.5 + 0.4 * np.sin(number / (15 + 7 * k) + k))),
                int(height * (0.5 + 0.35 * np.cos(number / (20 + 5 * k) + 2 * k))),
            )
            axes = (width // 9, height // 7)
            colour = (60 + 50 * k, 180 - 40 * k, 120)
            cv2.ellipse(picture, centre, axes, number * 3 + k * 40, 0, 360, colour, -1, cv2.LINE_AA)
        if with_face:
            left, top = int(width / 3 + 150 * np.sin(number / 20)), int(100 + 50 * np.cos(number / 25))
            picture[top : top + 512, left : left + 512] = portrait[: height - top, : width - left]
        yield np.clip(picture + noise[number % 13], 0, 255).astype(np.uint8)


def _texture(width: int, height: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Noise of many scales, the coarse the stronger, as natural scenes have it."""
    texture = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 8):
        size = 2**octave
        coarse = generator.normal(0, 1, (height // size + 2, width // size + 2, 3)).astype(np.float32)
        texture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * size**0.7
    return (texture - texture.min()) / (texture.max() - texture.min()) * 200 + 25


def make_clip(
    path: Path,
    width: int,
    height: int,
    seconds: float,
    keyframe_interval: int = 250,
    seed: int = 0,
    crf: int = 23,
    *,
    with_face: bool = False,
) -> Path:
    """Encode a scene with H.264."""
    with av.open(str(path), "w") as container:
        options = {"crf": str(crf), "preset": "medium"}
        stream = container.add_stream("libx264", rate=Fraction(FPS), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = keyframe_interval
        for picture in scene(width, height, round(seconds * FPS), seed, with_face=with_face):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def repeat_clip(source: Path, path: Path, times: int) -> Path:
    """Write a clip several times on end, without encoding it again."""
    with av.open(str(source)) as reader, av.open(str(path), "w") as writer:
        stream = reader.streams.video[0]
        copy = writer.add_stream_from_template(stream)
        step = round(1 / (FPS * stream.time_base))
        for turn in range(times):
            reader.seek(0)
            for packet in reader.demux(stream):
                if packet.dts is None:
                    continue
                packet.pts += turn * stream.frames * step
                packet.dts += turn * stream.frames * step
                packet.stream = copy
                writer.mux(packet)
    return path


def megabits(path: Path) -> float:
    """Mean bitrate in Mbit/s."""
    with av.open(str(path)) as container:
        return path.stat().st_size * 8 / (container.duration / 1e6) / 1e6
