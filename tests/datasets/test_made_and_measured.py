"""Videos made once, measurements taken once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from kedro.io import DatasetError

from fvc_kedro.datasets import MadeVideosDataset, RecordsDataset
from fvc_kedro.datasets.errors import FileError
from fvc_kedro.datasets.made_videos import RecipeBatch
from fvc_kedro.datasets.records import Measurement, MeasurementBatch
from fvc_kedro.execution import Execution, Outcomes
from fvc_kedro.video import Frame, UnusableVideoError, VideoArray, VideoRecipe, encoding
from fvc_kedro.video.encoding import Encoding

PIXELS = np.random.default_rng(0).integers(16, 236, (6, 32, 48), dtype=np.uint8)
SERIAL = Execution("serial")


@dataclass(frozen=True)
class Darker:
    by: int

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield Frame.from_luma(frame.luma // self.by)


@dataclass(frozen=True)
class Broken:
    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        yield next(frames)
        raise UnusableVideoError("frame 1 cannot be decoded")


def recipe(by=2, crf=20):
    return VideoRecipe(VideoArray(PIXELS), Darker(by), Encoding(crf))


def batch(execution=SERIAL, **recipes):
    return RecipeBatch(recipes, execution, "making")


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mp4")}


def test_a_made_video_is_the_transformed_source(tmp_path):
    dataset = MadeVideosDataset(path=str(tmp_path))
    dataset.save(batch(a=recipe()))
    video = dataset.load().values["a"]
    assert video.info.n_frames == 6
    assert np.mean([frame.luma.mean() for frame in video.frames()]) < PIXELS.mean() / 1.5


def test_the_same_recipe_is_made_once_and_another_anew(tmp_path):
    dataset = MadeVideosDataset(path=str(tmp_path))
    dataset.save(batch(a=recipe(), b=recipe()))
    before = stamps(tmp_path)
    dataset.save(batch(a=recipe(), b=recipe(by=3)))
    after = stamps(tmp_path)
    assert after["a.mp4"] == before["a.mp4"]
    assert after["b.mp4"] != before["b.mp4"]


def test_a_video_that_was_tampered_with_on_disk_is_made_anew(tmp_path):
    dataset = MadeVideosDataset(path=str(tmp_path))
    dataset.save(batch(a=recipe()))
    whole = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[:100])
    dataset.save(batch(a=recipe()))
    assert (tmp_path / "a.mp4").read_bytes() == whole


def test_videos_no_longer_asked_for_are_removed(tmp_path):
    dataset = MadeVideosDataset(path=str(tmp_path))
    dataset.save(batch(a=recipe(), b=recipe()))
    dataset.save(batch(a=recipe()))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.json", "a.mp4"]


def test_a_recipe_that_fails_is_told_and_leaves_no_file(tmp_path):
    dataset = MadeVideosDataset(path=str(tmp_path))
    dataset.save(batch(a=recipe(), b=VideoRecipe(VideoArray(PIXELS), Broken(), Encoding())))
    outcomes = dataset.load()
    assert list(outcomes.values) == ["a"]
    assert outcomes.failures == {"b": "frame 1 cannot be decoded"}
    assert not list(tmp_path.glob("b*"))


def test_where_all_are_needed_one_that_fails_stops_the_run_and_what_is_made_is_kept(tmp_path):
    dataset = MadeVideosDataset(path=str(tmp_path))
    broken = [VideoRecipe(VideoArray(PIXELS), Broken(), Encoding(crf)) for crf in range(4)]
    needed = replace(batch(a=recipe(), **{f"b{number}": one for number, one in enumerate(broken)}), needs_all=True)
    with pytest.raises(FileError) as raised:
        dataset.save(needed)
    reason = "frame 1 cannot be decoded"
    assert str(raised.value).startswith(
        f"making: 4 of 5 videos could not be made, and all are needed (b0: {reason}; b1: {reason}; b2: {reason}; …). "
    )
    assert not dataset.exists()
    before = stamps(tmp_path)
    assert list(before) == ["a.mp4"]
    dataset.save(replace(batch(a=recipe(), b0=recipe()), needs_all=True))
    assert stamps(tmp_path)["a.mp4"] == before["a.mp4"]
    assert sorted(dataset.load().values) == ["a", "b0"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_full_disk_is_no_fault_of_a_video(tmp_path, monkeypatch):
    dataset = MadeVideosDataset(path=str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(encoding.av, "open", lambda *_: Path("/dev/full").write_text("too much"))
        with pytest.raises(DatasetError, match="No space left on device"):
            dataset.save(batch(a=recipe(), b=recipe()))
    assert not dataset.exists()
    assert not list(tmp_path.glob("*.*"))
    dataset.save(batch(a=recipe(), b=recipe()))
    assert sorted(dataset.load().values) == ["a", "b"]


def test_two_workers_make_the_same_bytes_as_one(tmp_path):
    for name, execution in (("one", SERIAL), ("two", Execution("local", workers=2))):
        MadeVideosDataset(path=str(tmp_path / name)).save(batch(execution, a=recipe(), b=recipe(by=3)))
    for video in ("a.mp4", "b.mp4"):
        assert (tmp_path / "one" / video).read_bytes() == (tmp_path / "two" / video).read_bytes()


@pytest.mark.parametrize("other", [recipe(by=3), recipe(crf=21)])
def test_a_key_tells_recipes_apart(other):
    assert recipe().key == recipe().key
    assert recipe().key != other.key


def note(log, value, parts):
    with log.open("a") as file:
        file.write(f"{value}:{'+'.join(parts)}\n")
    if value < 0:
        raise UnusableVideoError("negative")
    return {part: {"value": value} for part in parts}


def measuring(log, *, parts=("x",), **values):
    measurements = {
        name: Measurement(partial(note, log, value), {part: f"ab{part}{value}" for part in parts})
        for name, value in values.items()
    }
    return MeasurementBatch(measurements, SERIAL, "measuring")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def records(tmp_path):
    return RecordsDataset(path=str(tmp_path / "records"))


def test_what_is_measured_is_not_measured_again(records, log):
    records.save(measuring(log, a=1, b=2))
    records.save(measuring(log, a=1, b=2, c=3))
    assert log.read_text().split() == ["1:x", "2:x", "3:x"]
    assert records.load().values == {name: {"x": {"value": number}} for name, number in (("a", 1), ("b", 2), ("c", 3))}


def test_a_new_part_is_measured_alone(records, log):
    records.save(measuring(log, parts=("x", "y"), a=1))
    records.save(measuring(log, parts=("x", "y", "z"), a=1))
    assert log.read_text().split() == ["1:x+y", "1:z"]
    assert set(records.load().values["a"]) == {"x", "y", "z"}


def test_going_back_to_old_parameters_measures_nothing(records, log):
    for value in (1, 2, 1):
        records.save(measuring(log, a=value))
    assert log.read_text().split() == ["1:x", "2:x"]
    assert records.load().values == {"a": {"x": {"value": 1}}}


def test_failures_are_told_and_tried_again(records, log):
    for _ in range(2):
        records.save(measuring(log, a=1, b=-1))
        assert records.load().failures == {"b": "negative"}
    assert log.read_text().split() == ["1:x", "-1:x", "-1:x"]


def test_no_worker_starts_for_what_is_known_beforehand(records, log, monkeypatch):
    monkeypatch.setattr("fvc_kedro.execution.ProcessPool", None)  # a worker would need it
    records.save(replace(measuring(log), execution=Execution(), failures={"b": "not there"}))
    assert records.load() == Outcomes({}, {"b": "not there"})


def interrupt(_):
    raise KeyboardInterrupt


def test_an_interrupted_batch_takes_up_where_it_was(records, log):
    whole = measuring(log, a=1, b=2, c=3)
    broken = replace(whole, measurements=dict(whole.measurements) | {"b": Measurement(interrupt, {"x": "abx2"})})
    with pytest.raises(KeyboardInterrupt):
        records.save(broken)
    records.save(whole)
    assert log.read_text().split() == ["1:x", "2:x", "3:x"]
    assert list(records.load().values) == ["a", "b", "c"]
