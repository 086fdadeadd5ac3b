import threading

import numpy as np
import pytest

from fvc_kedro.forensics import FAMILIES, Sampling, measure
from fvc_kedro.video import UnusableVideoError, VideoArray
from fvc_kedro.video.ahead import decoded_ahead

VIDEO = VideoArray(np.random.default_rng(0).integers(0, 256, (30, 24, 32), dtype=np.uint8))


def decoding_threads():
    return [thread for thread in threading.enumerate() if thread.name == "decoding"]


@pytest.mark.parametrize("depth", [0, 1, 4, 100])
def test_the_same_frames_come_in_the_same_order(depth):
    with decoded_ahead(VIDEO.frames(), depth) as frames:
        assert [frame.index for frame in frames] == list(range(30))
    assert not decoding_threads()


@pytest.mark.parametrize("depth", [0, 3])
def test_an_error_is_raised_where_frames_are_taken(depth):
    def breaking():
        yield from VIDEO.frames([0, 1])
        raise UnusableVideoError("the file breaks off")

    seen = []

    def take():
        with decoded_ahead(breaking(), depth) as frames:
            seen.extend(frame.index for frame in frames)

    with pytest.raises(UnusableVideoError, match="breaks off"):
        take()
    assert seen == [0, 1] or depth == 0
    assert not decoding_threads()


def test_whoever_stops_early_leaves_no_thread_behind():
    with decoded_ahead(VIDEO.frames(), 2) as frames:
        next(frames)
    assert not decoding_threads()


def test_no_more_than_asked_are_decoded_ahead():
    decoded = []

    def counting():
        for frame in VIDEO.frames():
            decoded.append(frame.index)
            yield frame

    with decoded_ahead(counting(), 3) as frames:
        for frame in frames:
            assert len(decoded) <= frame.index + 1 + 3 + 1  # taken, held, and one on its way


def test_values_do_not_depend_on_the_threads():
    families = list(FAMILIES)
    assert measure(VIDEO, families, Sampling(20)) == measure(VIDEO, families, Sampling(20), frames_ahead=4)
