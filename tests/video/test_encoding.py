import errno
import os
import pickle
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from formats import plain

from fvc_kedro.video import Frame, UnusableVideoError, VideoArray, VideoFile, VideoRecipe
from fvc_kedro.video.encoding import Encoding, write_video, write_video_in_two_passes
from fvc_kedro.video.geometry import Letterbox


@pytest.mark.parametrize(("width", "height"), [(320, 240), (320, 176), (480, 208)])
def test_equal_frames_give_equal_bytes(tmp_path, width, height):
    """With libx264's macroblock tree, five encodings of these sizes came out in two to four ways."""
    generator = np.random.default_rng(0)
    scene = generator.integers(0, 256, (height // 8 + 1, width // 8 + 40, 3), dtype=np.uint8)
    large = np.kron(scene, np.ones((8, 8, 1), np.uint8))
    pixels = [large[:height, 3 * number : 3 * number + width] for number in range(40)]
    frames = [Frame.from_bgr(np.clip(p + generator.normal(0, 3, p.shape), 0, 255).astype(np.uint8)) for p in pixels]
    written = set()
    for _ in range(5):
        write_video(tmp_path / "clip.mp4", iter(frames), 25.0, Encoding(crf=24))
        written.add((tmp_path / "clip.mp4").read_bytes())
    assert len(written) == 1


@pytest.mark.parametrize("bits_a_second", [250_000, 400_000])
def test_two_passes_give_the_rate_asked_for_whatever_is_shown(tmp_path, bits_a_second):
    """A noisy scene and a smooth one come out equally large, the same frames in the same bytes."""
    generator = np.random.default_rng(0)
    large = cv2.resize(generator.integers(0, 256, (24, 60, 3), dtype=np.uint8), (480, 192))
    smooth = [large[:176, 3 * number : 3 * number + 320] for number in range(50)]
    noisy = [np.clip(picture + generator.normal(0, 8, picture.shape), 0, 255).astype(np.uint8) for picture in smooth]
    encoding = Encoding(bits_a_second=bits_a_second)
    for pixels in (smooth, noisy):
        source = VideoArray(np.stack(pixels))
        written = set()
        for name in ("a.mp4", "b.mp4"):
            write_video_in_two_passes(tmp_path / name, (source.frames(), source.frames()), 25.0, encoding)
            written.add((tmp_path / name).read_bytes())
        assert len(written) == 1
        assert VideoFile(tmp_path / "a.mp4").info.bitrate == pytest.approx(bits_a_second, rel=0.15)
        assert len(list(VideoFile(tmp_path / "a.mp4").frames())) == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_a_recipe_with_a_rate_is_written_in_two_passes(tmp_path):
    source = VideoArray(np.random.default_rng(1).integers(0, 256, (30, 96, 128), dtype=np.uint8))
    made = replace(recipe(source), encoding=Encoding(bits_a_second=100_000))
    made.write(tmp_path / "a.mp4")
    write_video_in_two_passes(tmp_path / "b.mp4", (made.frames(), made.frames()), 25.0, made.encoding)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_two_passes_over_no_frame_leave_no_file(tmp_path):
    with pytest.raises(UnusableVideoError, match="no frame to encode"):
        write_video_in_two_passes(tmp_path / "a.mp4", (iter([]), iter([])), 25.0, Encoding(bits_a_second=100_000))
    assert not list(tmp_path.iterdir())


def recipe(source, **settings):
    return VideoRecipe(source, Letterbox(64), Encoding(preset="ultrafast"), **settings)


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_a_copy_keeps_the_times_of_its_source(tmp_path, container):
    times = [0, 40, 80, 400, 440, 900, 1000, 1040, 3000, 3040]
    path = tmp_path / f"source.{container}"
    plain(numbers=range(10), times=times)(path)
    recipe(VideoFile(path), keeps_times=True).write(tmp_path / "copy.mp4")
    copy = VideoFile(tmp_path / "copy.mp4")
    assert [frame.time_s for frame in copy.frames()] == pytest.approx([time / 1000 for time in times], abs=0.001)
    assert copy.info.duration_s == pytest.approx(3.08, abs=1 / VideoFile(path).info.fps)


def test_frames_that_are_lost_leave_a_gap_in_a_copy_that_keeps_times_and_none_in_others(tmp_path):
    path = tmp_path / "source.mp4"
    plain()(path)
    without_some = recipe(VideoFile(path))
    for keeps_times, times in ((True, [0, 1, 3, 4]), (False, [0, 1, 2, 3])):
        made = replace(without_some, transform=LeaveOut(), keeps_times=keeps_times)
        made.write(tmp_path / "copy.mp4")
        frames = list(VideoFile(tmp_path / "copy.mp4").frames())[:4]
        assert [round(25 * frame.time_s) for frame in frames] == times


@dataclass(frozen=True)
class LeaveOut:
    """Leaves out the third frame."""

    def __call__(self, frames):
        return (frame for frame in frames if frame.index != 2)


def test_evenly_spaced_frames_give_a_copy_of_the_same_rate(tmp_path):
    path = tmp_path / "source.mkv"  # which rounds times to milliseconds
    plain(rate=Fraction(30_000, 1001))(path)
    recipe(VideoFile(path), keeps_times=True).write(tmp_path / "copy.mp4")
    assert VideoFile(tmp_path / "copy.mp4").info.fps == pytest.approx(30_000 / 1001, abs=1e-6)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
@pytest.mark.parametrize("n_frames", [1, 60])
def test_a_full_disk_is_told(tmp_path, n_frames):
    (tmp_path / f"a.{os.getpid()}.partial.mp4").symlink_to("/dev/full")
    pixels = np.random.default_rng(0).integers(0, 255, (n_frames, 96, 128), dtype=np.uint8)
    with pytest.raises(OSError, match="No space left on device") as told:
        write_video(tmp_path / "a.mp4", VideoArray(pixels).frames(), 25.0, Encoding())
    assert pickle.loads(pickle.dumps(told.value)).errno == errno.ENOSPC  # as a worker sends it
    assert not list(tmp_path.iterdir())
