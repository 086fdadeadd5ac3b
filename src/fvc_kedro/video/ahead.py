"""Decoding on a thread of its own, a few frames ahead of whoever looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread

from fvc_kedro.video.frame import Frame

_PATIENCE_S = 0.1


@contextmanager
def decoded_ahead(frames: Iterator[Frame], depth: int) -> Iterator[Iterator[Frame]]:
    """Run an iterator of frames on a thread, at most ``depth`` frames ahead; with 0, as it is.

    It pays where a core is idle, as decoder and compiled measures both release the interpreter's lock.
    Errors of the iterator are raised where its frames are taken. The thread ends with the block.

    Parameters
    ----------
    frames : iterator of Frame
    depth : int
        Frames held at most; each keeps a picture of the decoder's alive.

    Yields
    ------
    iterator of Frame
        The same frames in the same order.
    """
    if depth == 0:
        yield frames
        return
    queue: Queue[Frame | BaseException | None] = Queue(maxsize=depth)
    stop = Event()

    def offer(item: Frame | BaseException | None) -> None:
        while not stop.is_set():
            try:
                queue.put(item, timeout=_PATIENCE_S)
                break
            except Full:
                continue

    def work() -> None:
        try:
            for frame in frames:
                offer(frame)
                if stop.is_set():
                    return
        except BaseException as error:
            offer(error)
        else:
            offer(None)

    def take() -> Iterator[Frame]:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    thread = Thread(target=work, name="decoding", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        stop.set()
        thread.join()
