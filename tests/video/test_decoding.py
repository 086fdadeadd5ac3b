import numpy as np
import pytest

from clips import write_clip
from fvc_kedro.video import UnusableVideoError, VideoFile
from fvc_kedro.video.encoding import Encoding, write_video

GENERATOR = np.random.default_rng(3)
PIXELS = GENERATOR.integers(16, 236, (15, 34, 50), dtype=np.uint8)
LOSSLESS = {"qp": "0"}


def lossless_clip(path, pix_fmt="gray", **options):
    return VideoFile(write_clip(path, PIXELS, pix_fmt=pix_fmt, options=LOSSLESS, color_range=2, **options))


def test_what_was_encoded_is_decoded(tmp_path):
    video = lossless_clip(tmp_path / "a.mp4")
    for frame, pixels in zip(video.frames(), PIXELS, strict=True):
        np.testing.assert_array_equal(frame.luma, pixels)
        assert frame.full_range


def test_chosen_frames_are_those_of_the_whole(tmp_path):
    video = lossless_clip(tmp_path / "a.mp4")
    frames = list(video.frames([0, 4, 5, 14]))
    assert [frame.index for frame in frames] == [0, 4, 5, 14]
    for frame in frames:
        np.testing.assert_array_equal(frame.luma, PIXELS[frame.index])
        assert frame.time_s == pytest.approx(frame.index / 25)


def test_no_frames_asked_none_given(tmp_path):
    assert list(lossless_clip(tmp_path / "a.mp4").frames([])) == []


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "nv12"])
def test_luma_is_read_in_place_as_a_copy_would_read_it(tmp_path, pix_fmt):
    video = VideoFile(write_clip(tmp_path / "a.mp4", PIXELS, pix_fmt=pix_fmt))
    frame = next(video.frames())
    copied = frame.picture.to_ndarray()
    assert frame.luma.shape == (34, 50)
    np.testing.assert_array_equal(frame.luma, copied[0] if copied.ndim == 3 else copied[:34])
    assert np.shares_memory(frame.luma, np.frombuffer(frame.picture.planes[0], np.uint8))


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "tolerance"),
    [
        ("ten_bits.mp4", "libx264", "yuv420p10le", 6),
        ("rgb.mp4", "libx264rgb", "rgb24", 3),
        ("motion.avi", "mjpeg", "yuvj420p", 6),
        ("old.mpg", "mpeg2video", "yuv420p", 8),
    ],
)
def test_other_formats_give_eight_bit_luma(tmp_path, name, codec, pix_fmt, tolerance):
    ramp = np.tile(np.linspace(20, 230, 64).astype(np.uint8), (6, 48, 1))
    video = VideoFile(write_clip(tmp_path / name, ramp, codec=codec, pix_fmt=pix_fmt))
    frame = next(video.frames())
    luma = frame.luma.astype(float)
    stretched = luma if frame.full_range else (luma - 16) * 255 / 219
    assert frame.luma.dtype == np.uint8
    assert np.abs(stretched - ramp[0]).mean() < tolerance


def test_an_animated_gif_is_a_video(tmp_path):
    video = VideoFile(write_clip(tmp_path / "moving.gif", PIXELS, codec="gif", pix_fmt="gray"))
    assert video.info.codec == "gif"
    assert len(list(video.frames())) == 15


def test_a_crop_is_a_part_of_the_frame(tmp_path):
    frame = next(lossless_clip(tmp_path / "a.mp4").frames())
    cropped = frame.crop((10, 4, 20, 8))
    np.testing.assert_array_equal(cropped.luma, PIXELS[0, 4:12, 10:30])
    assert cropped.bgr().shape == (8, 20, 3)


def test_a_video_is_written_whole_or_not_at_all(tmp_path):
    def failing_frames():
        yield from lossless_clip(tmp_path / "a.mp4", pix_fmt="yuv420p").frames()  # more than are taken at once
        raise UnusableVideoError("the source broke off")

    with pytest.raises(UnusableVideoError, match="broke off"):
        write_video(tmp_path / "out" / "b.mp4", failing_frames(), 25.0, Encoding())
    assert list((tmp_path / "out").iterdir()) == []


def test_equal_frames_give_equal_bytes(tmp_path):
    pixels = GENERATOR.integers(16, 236, (15, 40, 56), dtype=np.uint8)
    video = VideoFile(write_clip(tmp_path / "a.mp4", pixels, options=LOSSLESS))
    for name in ("b", "c"):
        write_video(tmp_path / f"{name}.mp4", video.frames(), 25.0, Encoding(crf=10))
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "c.mp4").read_bytes()
    assert VideoFile(tmp_path / "b.mp4").info.n_frames == 15


def test_a_stream_without_time_stamps_is_timed_by_its_rate(tmp_path):
    import av

    path = tmp_path / "raw.h264"
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    video = VideoFile(path)
    assert video.packets.times is None
    frames = list(video.frames())
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(12) / video.info.fps)
