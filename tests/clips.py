"""Small real videos for the tests, encoded with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_clip(
    path: Path,
    pixels: np.ndarray,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    fps: float = 25,
    options: dict[str, str] | None = None,
    color_range: int | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode grey (n, height, width) or BGR (n, height, width, 3) pixels into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = "gray" if pixels.ndim == 3 else "bgr24"
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options or {})
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = pix_fmt
        if color_range is not None:
            stream.codec_context.color_range = color_range
        for picture in pixels:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=source)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
