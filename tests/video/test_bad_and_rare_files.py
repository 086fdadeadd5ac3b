"""Real files of every kind, whole, rare and broken: measured rightly or refused with a reason for the user."""

import os
import struct
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from av.stream import Disposition

from clips import write_clip
from fvc_kedro.datasets import VideoFolder
from fvc_kedro.forensics import FAMILIES, Sampling, measure
from fvc_kedro.video import Frame, Limits, UnusableVideoError, VideoFile, probe

RAMP = np.tile(np.linspace(30, 220, 64), (48, 1))
PIXELS = np.stack([np.roll(RAMP, 2 * number, axis=1) for number in range(24)]).astype(np.uint8)
PIXELS = np.repeat(PIXELS[..., None], 3, axis=3)

KINDS = {
    "h264.mp4": {},
    "h264.mkv": {},
    "h264.ts": {},
    "h264.avi": {},
    "b_frames.avi": {"options": {"x264-params": "bframes=3:b-adapt=0"}},
    "open_gop.mp4": {"options": {"x264-params": "open-gop=1:keyint=8:bframes=3"}},
    "interlaced.mp4": {"options": {"flags": "+ildct+ilme"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=8"}},
    "vp8.webm": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "8"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"auto-alt-ref": "1", "lag-in-frames": "8"}},
    "av1.mkv": {"codec": "libsvtav1", "options": {"preset": "12"}},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "mpeg2_interlaced.mpg": {"codec": "mpeg2video", "options": {"flags": "+ildct+ilme"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "moving.gif": {"codec": "gif", "pix_fmt": "gray"},
    "ten_bits.mp4": {"pix_fmt": "yuv420p10le"},
    "422.mp4": {"pix_fmt": "yuv422p"},
    "444.mp4": {"pix_fmt": "yuv444p"},
    "gray.mp4": {"pix_fmt": "gray"},
    "full_range.mp4": {"pix_fmt": "yuvj420p"},
    "alpha.mkv": {"codec": "ffv1", "pix_fmt": "yuva420p"},
    "rgb.mkv": {"codec": "ffv1", "pix_fmt": "bgr0"},
}


def clip(folder, name, pixels=PIXELS):
    settings = KINDS.get(name, {})
    if settings.get("codec") and settings["codec"] not in av.codecs_available:
        pytest.skip(f"this build of PyAV has no encoder {settings['codec']}")
    return VideoFile(write_clip(folder / name, pixels, **settings))


def full_range_luma(frame):
    luma = frame.luma.astype(float)
    return luma if frame.full_range else (luma - 16) * 255 / 219


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_video_shows_its_frames_in_order(tmp_path, name):
    video = clip(tmp_path, name)
    frames = list(video.frames())
    assert len(frames) >= 23
    assert all(later.index > earlier.index for earlier, later in pairwise(frames))
    for frame in frames[::5]:
        difference = np.abs(full_range_luma(frame) - PIXELS[frame.index, :, :, 0]).mean()
        assert difference < 12, (name, frame.index)


@pytest.mark.parametrize("name", KINDS)
def test_chosen_frames_are_those_of_the_whole_whatever_is_left_undecoded(tmp_path, name):
    video = clip(tmp_path, name)
    whole = {frame.index: frame.luma.copy() for frame in video.frames()}
    generator = np.random.default_rng(len(name))
    for count in (1, 2, 5, 12):
        chosen = sorted(generator.choice(sorted(whole), count, replace=False).tolist())
        frames = {frame.index: frame.luma for frame in video.frames(chosen)}
        assert sorted(frames) == chosen
        for index, luma in frames.items():
            np.testing.assert_array_equal(luma, whole[index])


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_video_has_finite_features(tmp_path, name):
    values = measure(clip(tmp_path, name), list(FAMILIES), Sampling(100))
    for family, columns in values.items():
        numbers = [value for column in columns.values() for value in column]
        assert np.isfinite([number for number in numbers if number is not None]).all()
        assert None not in numbers or FAMILIES[family].missing


@pytest.mark.parametrize(
    ("n_frames", "width", "height"), [(1, 64, 48), (2, 64, 48), (3, 1, 1), (3, 35, 49), (3, 2, 200)]
)
def test_few_frames_and_odd_sizes(tmp_path, n_frames, width, height):
    pixels = np.full((n_frames, height, width, 3), 90, np.uint8)
    video = VideoFile(write_clip(tmp_path / "odd.mkv", pixels, codec="ffv1", pix_fmt="yuv444p"))
    assert (video.info.width, video.info.height, video.info.n_frames) == (width, height, n_frames)
    assert measure(video, list(FAMILIES), Sampling(100))["classic"]["noise_energy"] == [0]


def timed_clip(path, times):
    """Write a frame at each of some times in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for time, pixels in zip(times, PIXELS, strict=False):
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts, frame.time_base = time, stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return VideoFile(path)


def test_a_variable_frame_rate(tmp_path):
    times = [0, 40, 80, 400, 440, 900, 1000, 1040]
    video = timed_clip(tmp_path / "varying.mkv", times)
    frames = list(video.frames())
    assert [frame.index for frame in frames] == list(range(8))
    assert [frame.time_s for frame in frames] == pytest.approx([time / 1000 for time in times])


def test_negative_times(tmp_path):
    frames = list(timed_clip(tmp_path / "early.mkv", [-80, -40, 0, 40]).frames())
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12])


@pytest.mark.parametrize(
    "name", ["with space.mp4", "quote's\".mp4", "new\nline.mp4", "видео 視頻.mp4", "concat:a.mp4", "%03d.mp4"]
)
def test_any_name_will_do(tmp_path, name):
    write_clip(tmp_path / "plain.mp4", PIXELS)
    (tmp_path / "plain.mp4").rename(tmp_path / name)
    assert len(list(VideoFolder(tmp_path)[name].frames())) == 24


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.mp4\n",
        "<html><body>This video is not available</body></html>",
    ],
)
def test_text_named_as_a_video_opens_no_other_file(tmp_path, content):
    write_clip(tmp_path / "secret.mp4", PIXELS)
    (tmp_path / "list.mp4").write_text(content)
    with pytest.raises(UnusableVideoError, match="not a video that can be opened"):
        probe(tmp_path / "list.mp4")


def patched(path, box, offset, value, *, after=0):
    """Overwrite a big-endian number of 32 bits in an MP4 box."""
    content = bytearray(path.read_bytes())
    start = content.index(box, after) + 4 + offset
    content[start : start + 4] = struct.pack(">I", value)
    path.write_bytes(content)
    return path


def test_a_header_that_claims_a_billion_frames(tmp_path):
    path = patched(write_clip(tmp_path / "a.mp4", PIXELS), b"stsz", 8, 10**9)
    with pytest.raises(UnusableVideoError):
        probe(path)


def test_a_header_that_claims_a_giant_picture(tmp_path):
    path = write_clip(tmp_path / "a.avi", PIXELS, codec="mpeg4")
    content = bytearray(path.read_bytes())
    start = content.index(b"strf") + 8 + 4
    content[start : start + 8] = struct.pack("<II", 65535, 65535)
    path.write_bytes(content)
    reason, info = outcome_of_probe(path, Limits(max_pixels=1e6))
    assert info is None or (info.width, info.height) == (64, 48)  # the stream itself knows better
    assert info is not None or "over a limit" in reason or "not a video" in reason


def outcome_of_probe(path, limits):
    """The reason of a refusal, or the facts."""
    try:
        return "", probe(path, limits)[0]
    except UnusableVideoError as error:
        return str(error), None


@pytest.mark.parametrize("scale", [1, 2**31 - 1])
def test_an_absurd_frame_rate_is_not_believed(tmp_path, scale):
    path = write_clip(tmp_path / "a.avi", PIXELS, codec="mjpeg", pix_fmt="yuvj420p")
    content = bytearray(path.read_bytes())
    start = content.index(b"strh") + 8 + 20
    content[start : start + 8] = struct.pack("<II", scale, 0 if scale == 1 else 1)
    path.write_bytes(content)
    reason, info = outcome_of_probe(path, Limits(max_seconds=36_000))
    assert info is None or 0 < info.fps <= 1000
    assert info is not None or "frame rate" in reason or "seconds" in reason or "not a video" in reason


def test_more_frames_than_allowed_are_not_read_to_the_end(tmp_path):
    with pytest.raises(UnusableVideoError, match=r"over a limit: 11 frames, ingestion\.limits\.max_frames is 10"):
        probe(write_clip(tmp_path / "a.mp4", PIXELS), Limits(max_frames=10))


def damaged(path, *, share, seed=0):
    """Flip bits in the compressed pictures, sparing the index."""
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 600
    stop = start + int((len(content) - start) * 0.8)
    generator = np.random.default_rng(seed)
    for place in generator.integers(start, stop, max(1, int(share * (stop - start)))):
        content[place] ^= 1 << int(generator.integers(8))
    path.write_bytes(content)
    return VideoFile(path)


def noisy_clip(path):
    noise = np.random.default_rng(1).integers(0, 256, (60, 48, 64), dtype=np.uint8)
    return write_clip(path, noise, options={"g": "10"}, container_options={"movflags": "faststart"})


def test_damaged_pictures_are_left_out_and_much_damage_is_told(tmp_path):
    whole = {frame.index: frame.luma.copy() for frame in VideoFile(noisy_clip(tmp_path / "a.mp4")).frames()}
    video = damaged(noisy_clip(tmp_path / "b.mp4"), share=0.002)
    seen = {}

    def look() -> None:
        for frame in video.frames():
            seen[frame.index] = frame.luma.copy()

    with pytest.raises(UnusableVideoError, match=r"damaged: of 60 frames wanted, only \d+ can be decoded"):
        look()
    assert 0 < len(seen) < 54
    with av.open(str(video.path)) as container:  # how many of all that FFmpeg shows are as they were
        shown = [Frame(picture).luma for picture in container.decode(video=0)]
    faithful = np.mean([np.array_equal(luma, whole[index]) for index, luma in seen.items()])
    assert faithful > 1.3 * np.mean([np.array_equal(luma, whole[index]) for index, luma in enumerate(shown)])


def test_an_unreadable_file(tmp_path):
    path = write_clip(tmp_path / "a.mp4", PIXELS)
    path.chmod(0)
    tmp_path.chmod(0o755)
    program = (
        "import os, sys, pathlib\n"
        "from fvc_kedro.video import UnusableVideoError, probe\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "os.chdir(path.parent)\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try: probe(pathlib.Path(path.name))\n"
        "except UnusableVideoError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert "not readable" in done.stdout, done.stderr


def test_paths_that_lead_nowhere(tmp_path):
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    folder = VideoFolder(tmp_path)
    reasons = {
        "loop.mp4": "loop|missing|not readable",
        "pipe.mp4": "not a regular file",
        "folder.mp4": "a folder",
        "a" * 300 + ".mp4": "not readable|missing",
        "nul\0.mp4": "not a path",
        "../outside.mp4": "outside the corpus folder",
    }
    for name, reason in reasons.items():
        video = folder[name]
        assert video.stamp
        with pytest.raises(UnusableVideoError, match=reason):
            video.inspect(Limits())
        with pytest.raises(UnusableVideoError, match=reason):
            list(video.frames())


def test_the_cover_of_a_song_is_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        sound, cover = container.add_stream("aac", rate=48000), container.add_stream("mjpeg", rate=25)
        sound.layout = "mono"
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48000
        for stream, frame in ((cover, av.VideoFrame.from_ndarray(PIXELS[0], format="bgr24")), (sound, silence)):
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    with pytest.raises(UnusableVideoError, match="only a still picture, audio"):
        probe(path)
