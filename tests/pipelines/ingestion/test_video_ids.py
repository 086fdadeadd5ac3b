import polars as pl
import pytest
import yaml

from conftest import REPOSITORY
from fvc_kedro.pipelines.ingestion import nodes
from fvc_kedro.pipelines.ingestion.nodes import make_video_id, read_manifest

INGESTION = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())["ingestion"]


def read(paths):
    rows = {"video_path": paths, "label": ["real"] * len(paths), "group": ["g"] * len(paths)}
    return read_manifest(pl.DataFrame(rows), INGESTION)


def test_an_id_is_stable_and_begins_with_the_stem():
    assert make_video_id("x/My clip.mp4") == make_video_id("x/My clip.mp4")
    stem, digits = make_video_id("x/My clip.mp4").rsplit("-", 1)
    assert stem == "My_clip"
    assert len(digits) == 20


def test_300_000_videos_of_one_stem_have_ids_of_their_own():
    checked = read([f"id{number // 10:05d}/{number % 10}/real.mp4" for number in range(300_000)])
    assert checked["video_id"].n_unique() == 300_000
    assert checked["reason"].null_count() == 300_000


@pytest.mark.parametrize("alphabet", ["абвгд", "视频真假人", "🎬🎥🔥👤🤖", "ابتثج"])
def test_names_without_latin_letters_have_ids_of_their_own(alphabet):
    names = [
        a + b + c + d + e for a in alphabet for b in alphabet for c in alphabet for d in alphabet for e in alphabet
    ]
    checked = read([f"{name}.mp4" for name in names])
    assert checked["video_id"].n_unique() == len(names) == 5**5
    assert checked["video_id"].str.starts_with("video-").all()


def test_two_paths_of_one_id_are_never_merged(monkeypatch):
    monkeypatch.setattr(nodes, "digest", lambda path: "0" * 64)
    checked = read(["x/real.mp4", "y/real.mp4", "y/other.mp4", "x/real.mp4"])
    first, collided, other, repeated = checked["reason"]
    assert first is other is None
    assert collided == "its id real-00000000000000000000 is that of another path, in row 1: rename this file"
    assert repeated.startswith("listed before, in row 1")
