"""Decoding, frame by frame, on one thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import av

from fvc_kedro.video.frame import Frame
from fvc_kedro.video.probe import UnusableVideoError


def decode(path: Path, indices: Iterable[int] | None = None) -> Iterator[Frame]:
    """Decode a file's frames in presentation order.

    Parameters
    ----------
    path : Path
        The file.
    indices : iterable of int, optional
        Increasing numbers of the frames wanted; all of them by default. Decoding stops after the last.

    Yields
    ------
    Frame

    Raises
    ------
    UnusableVideoError
        If the decoder stops before the last frame wanted.
    """
    wanted = None if indices is None else iter(indices)
    following = None if wanted is None else next(wanted, None)
    if wanted is not None and following is None:
        return
    index = -1
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            start: float | None = None
            for index, picture in enumerate(container.decode(stream)):
                if start is None:
                    start = picture.time or 0.0
                if wanted is not None:
                    if index != following:
                        continue
                    following = next(wanted, None)
                yield Frame(picture, index, (picture.time or 0.0) - start)
                if wanted is not None and following is None:
                    return
    except av.FFmpegError as error:
        raise UnusableVideoError(f"decoding stopped after frame {index}: {error.strerror or error}") from error
    if index < 0:
        raise UnusableVideoError("no picture can be decoded")
