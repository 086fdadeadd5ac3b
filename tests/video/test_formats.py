"""Every file of the matrix is measured as it was made, or refused with the words that it should be."""

from pathlib import Path

import numpy as np
import pytest
from formats import CASES, Refused, markdown, recognised

from fvc_kedro.video import Frame, UnusableVideoError, VideoFile
from fvc_kedro.video.container import open_video
from fvc_kedro.video.packets import decode_packet, demux

ROUNDING_S = 0.0015  # of times in milliseconds


def full_range_luma(frame):
    luma = frame.luma.astype(float)
    return luma if frame.full_range else (luma - 16) * 255 / 219


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request, tmp_path):
    request.param.make(tmp_path / request.param.name)
    return request.param, tmp_path / request.param.name


def test_a_file_is_measured_as_it_was_made(case):
    known, path = case
    video = VideoFile(path)
    if isinstance(known.expected, Refused):
        with pytest.raises(UnusableVideoError, match=known.expected.words):
            list(video.frames())
        return
    expected, info = known.expected, video.info
    frames = list(video.frames())
    assert info.displayed_size == expected.size
    assert info.fps == pytest.approx(info.n_frames / info.duration_s)
    seen = [(recognised(full_range_luma(frame)), frame.time_s) for frame in frames]
    if expected.may_lack:
        assert len(seen) >= 0.9 * len(expected.numbers)
        seen = [(number, 1000 * time_s) for number, time_s in seen]
        known_at = dict(zip(expected.times, expected.numbers, strict=True))
        assert all(known_at[round(time / 40) * 40] == number for number, time in seen)
        return
    assert [number for number, _ in seen] == list(expected.numbers)
    assert [time_s for _, time_s in seen] == pytest.approx([time / 1000 for time in expected.times], abs=ROUNDING_S)
    assert info.n_frames == len(expected.numbers)
    assert info.duration_s == pytest.approx(expected.duration / 1000, abs=2 * ROUNDING_S)


def test_its_frames_are_bit_for_bit_those_of_a_full_decode(case):
    known, path = case
    if isinstance(known.expected, Refused):
        return
    video = VideoFile(path)
    delivered = {frame.index: frame.luma.copy() for frame in video.frames()}
    with open_video(path) as (container, stream):
        packets = demux(container, stream)
        decoded = (Frame(one).luma for packet in packets for one in decode_packet(stream.codec_context, packet) or ())
        every = iter([luma.copy() for luma in decoded])
    for luma in delivered.values():  # in the same order, perhaps with others between
        assert any(np.array_equal(luma, other) for other in every)
    chosen = sorted(np.random.default_rng(1).choice(sorted(delivered), 5, replace=False).tolist())
    again = {frame.index: frame.luma for frame in video.frames(chosen)}
    assert sorted(again) == chosen
    assert all(np.array_equal(again[index], delivered[index]) for index in chosen)


def test_the_documentation_is_up_to_date():
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    assert text == markdown(), "python tests/video/formats.py > docs/formats.md"
