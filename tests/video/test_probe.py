import math
import struct

import av
import numpy as np
import pytest
from formats import Stream, plain, sound_alone, write

from clips import write_clip
from fvc_kedro.video import Limits, UnusableVideoError, VideoFile, probe
from fvc_kedro.video.geometry import Letterbox, displayed_size

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 48, 64), dtype=np.uint8)


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", PIXELS, fps=30000 / 1001)


def test_facts_of_a_video(clip):
    info, _ = probe(clip)
    assert (info.width, info.height, info.n_frames) == (64, 48, 20)
    assert info.fps == pytest.approx(30000 / 1001)
    assert info.duration_s == pytest.approx(20 * 1001 / 30000)
    assert (info.codec, info.pixel_format, info.rotation) == ("h264", "yuv420p", 0)


def test_the_bitrate_is_that_of_the_video_stream(clip):
    with av.open(str(clip)) as container:
        n_bytes = sum(packet.size for packet in container.demux(video=0))
    info, _ = probe(clip)
    assert info.bitrate == pytest.approx(8 * n_bytes / info.duration_s)


def with_rotation(path, degrees):
    """Patch the display matrix of the track header: what a phone writes that is held upright."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 40
    cosine, sine = round(math.cos(math.radians(degrees))), round(math.sin(math.radians(degrees)))
    matrix = [cosine, sine, 0, -sine, cosine, 0, 0, 0, 1]
    scaled = [value * (1 << (30 if place % 3 == 2 else 16)) for place, value in enumerate(matrix)]
    content[start : start + 36] = struct.pack(">9i", *scaled)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_rotation_is_read_counter_clockwise(tmp_path, clockwise):
    path = with_rotation(write_clip(tmp_path / "turned.mp4", PIXELS), clockwise)
    info, _ = probe(path)
    assert info.rotation == (360 - clockwise) % 360
    assert displayed_size(info.width, info.height, info.rotation) == ((64, 48) if clockwise == 180 else (48, 64))


def test_a_turned_video_is_letterboxed_upright(tmp_path):
    pixels = np.full((3, 48, 64), 30, np.uint8)
    pixels[:, :16, :16] = 230  # top left as stored: shown top right when turned clockwise
    path = with_rotation(write_clip(tmp_path / "turned.mp4", pixels), 90)
    video = VideoFile(path)
    luma = next(Letterbox(64, video.info.rotation)(video.frames())).luma
    assert luma[2, 55 - 2] > 150
    assert luma[2, 8 + 2] < 60
    assert np.all(luma[:, :6] == 16)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"hello, world" * 50, "not a video"), (None, "missing")]
)
def test_files_that_are_no_videos(tmp_path, content, reason):
    path = tmp_path / "broken.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableVideoError, match=reason):
        probe(path)


def test_a_folder_is_no_video(tmp_path):
    with pytest.raises(UnusableVideoError, match="not a file"):
        probe(tmp_path)


def test_a_truncated_file_is_told(tmp_path):
    path = write_clip(tmp_path / "cut.mp4", PIXELS, container_options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: int(0.6 * len(content))])
    with pytest.raises(UnusableVideoError, match="truncated: the header announces 20 frames"):
        probe(path)


def test_a_file_cut_before_its_index_cannot_be_opened(clip):
    clip.write_bytes(clip.read_bytes()[:-300])
    with pytest.raises(UnusableVideoError, match="not a video that can be opened"):
        probe(clip)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "sound.mp4"
    sound_alone(path)
    with pytest.raises(UnusableVideoError, match="no video stream: the file holds only audio"):
        probe(path)


def test_one_frame_is_a_video(tmp_path):
    assert probe(write_clip(tmp_path / "one.mp4", PIXELS[:1]))[0].n_frames == 1


def test_the_largest_video_stream_is_read_and_named(tmp_path):
    path = tmp_path / "two.mp4"
    write(path, (Stream(size=(32, 24), dark=True), Stream(), Stream(numbers=range(20, 44))))
    info, _ = probe(path)
    assert (info.width, info.height) == (64, 48)
    assert (info.video_stream, info.n_video_streams) == (1, 3)


def test_bytes_and_seconds_are_those_of_what_is_shown(tmp_path):
    times = [0, 40, 80, 2000]
    plain(codec="mjpeg", pix_fmt="yuvj420p", full_range=True, numbers=range(4), times=times)(tmp_path / "slow.mkv")
    info, packets = probe(tmp_path / "slow.mkv")
    assert info.duration_s == pytest.approx(2.04, abs=0.001)
    assert info.fps == pytest.approx(4 / 2.04, rel=0.001)
    assert info.bitrate == pytest.approx(8 * packets.sizes.sum() / 2.04, rel=0.001)


def test_a_limit_on_seconds_goes_by_the_times_not_by_the_header(tmp_path):
    path = tmp_path / "slow.mkv"
    plain(numbers=range(4), times=[0, 40, 80, 60_000])(path)
    with pytest.raises(UnusableVideoError, match=r"over a limit: 60\.04 seconds, ingestion\.limits\.max_seconds is 30"):
        probe(path, Limits(max_seconds=30))


@pytest.mark.parametrize(("ratio", "displayed"), [("64/45", (91, 48)), ("1/2", (32, 48)), ("200/1", (64, 48))])
def test_the_shape_of_pixels_is_read_unless_it_is_absurd(tmp_path, ratio, displayed):
    plain(pixel_aspect_ratio=ratio)(tmp_path / "wide.mp4")
    info, _ = probe(tmp_path / "wide.mp4")
    assert (info.width, info.height) == (64, 48)
    assert info.displayed_size == displayed
