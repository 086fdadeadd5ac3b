"""Several manifests read as one, and the videos beside them."""

import numpy as np
import polars as pl
import pytest

from clips import write_clip
from fvc_kedro.datasets import ManifestDataset, VideoFolderDataset
from fvc_kedro.datasets.errors import FileError
from fvc_kedro.video import RefusedVideo

HEADER = "video_path,label,group\n"


def pixels(seed):
    return np.random.default_rng(seed).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def two(tmp_path):
    """Two corpora whose videos have the same relative paths."""
    for number, name in enumerate(("faces", "edits")):
        folder = tmp_path / "corpora" / name
        folder.mkdir(parents=True)
        (folder / "manifest.csv").write_text(HEADER + f"a.mp4,real,{name} 1\nsub/b.mp4,fake,{name} 1\n")
        write_clip(folder / "a.mp4", pixels(number))
    return [tmp_path / "corpora" / name / "manifest.csv" for name in ("faces", "edits")]


def both(manifests):
    return ",".join(map(str, manifests))


def test_paths_are_relative_to_the_common_folder_and_corpora_bear_the_names_of_theirs(two):
    table = ManifestDataset(filepath=both(two)).load()
    assert table.sort("video_path").rows() == [
        ("edits/a.mp4", "real", "edits 1", "edits"),
        ("edits/sub/b.mp4", "fake", "edits 1", "edits"),
        ("faces/a.mp4", "real", "faces 1", "faces"),
        ("faces/sub/b.mp4", "fake", "faces 1", "faces"),
    ]
    videos = VideoFolderDataset(filepath=both(two)).load()
    found = {path: videos[path].content_hash for path in ("edits/a.mp4", "faces/a.mp4")}
    alone = [VideoFolderDataset(filepath=str(path)).load()["a.mp4"].content_hash for path in two]
    assert [found["faces/a.mp4"], found["edits/a.mp4"]] == alone
    assert alone[0] != alone[1]


def test_the_order_and_spaces_and_a_comma_at_the_end_make_no_difference(two):
    table = ManifestDataset(filepath=both(two)).load()
    assert ManifestDataset(filepath=f"{two[1]}, {two[0]},").load().equals(table)
    assert ManifestDataset(filepath=both([*two, two[0]])).load().equals(table)


def test_a_corpus_is_named_by_its_column_its_file_or_its_folder(tmp_path):
    (tmp_path / "mine.csv").write_text(HEADER + "a.mp4,real,1\n")
    rows = "a.mp4,real,1,A\nb.mp4,real,2,\nc.mp4,real,3, B \n"
    (tmp_path / "named.csv").write_text("video_path,label,group,corpus\n" + rows)
    assert ManifestDataset(filepath=str(tmp_path / "mine.csv")).load()["corpus"].to_list() == ["mine"]
    assert ManifestDataset(filepath=str(tmp_path / "named.csv")).load()["corpus"].to_list() == ["A", "named", "B"]
    (tmp_path / "manifest.csv").write_text(HEADER + "a.mp4,real,1\n")
    assert ManifestDataset(filepath=str(tmp_path / "manifest.csv")).load()["corpus"].to_list() == [tmp_path.name]


def test_two_corpora_of_one_name_are_refused(tmp_path):
    paths = [tmp_path / name / "manifest.csv" for name in ("a/data", "b/data")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text(HEADER)
        path.write_text(HEADER + "a.mp4,real,1\n")
    with pytest.raises(FileError, match="would both be the corpus 'data': give one another name in its column"):
        ManifestDataset(filepath=both(paths)).load()


def test_columns_that_one_corpus_lacks_are_empty(two):
    two[0].write_text("video_path,label,group,platform\na.mp4,real,1,youtube\n")
    table = ManifestDataset(filepath=both(two)).load().sort("corpus")
    assert table["platform"].to_list() == ["", "", "youtube"]


@pytest.mark.parametrize("path", ["/elsewhere/x.mp4", "~/x.mp4", "https://example.org/x.mp4", "file:///x.mp4"])
def test_paths_that_are_not_relative_stay_as_they_are(two, path):
    two[0].write_text(HEADER + f"{path},real,1\n")
    assert path in ManifestDataset(filepath=both(two)).load()["video_path"].to_list()


def test_paths_lead_into_the_folders_of_the_manifests_only(two):
    other = two[0].parent.parent / "other"
    other.mkdir()
    write_clip(other / "x.mp4", pixels(0))
    videos = VideoFolderDataset(filepath=both(two)).load()
    assert isinstance(videos["other/x.mp4"], RefusedVideo)
    assert not isinstance(videos["faces/../edits/a.mp4"], RefusedVideo)
    allowed = VideoFolderDataset(filepath=both(two), allow_outside=True).load()
    assert not isinstance(allowed["other/x.mp4"], RefusedVideo)


def test_one_that_is_missing_is_named(two):
    two[1].unlink()
    dataset = ManifestDataset(filepath=both(two))
    assert not dataset.exists()
    with pytest.raises(FileError, match=f"no manifest at {two[1]}"):
        dataset.load()


def test_a_path_with_a_comma_that_is_there_is_one_manifest(tmp_path):
    path = tmp_path / "a, b" / "m.csv"
    table = pl.DataFrame([("a.mp4", "real", "1")], schema=HEADER.strip().split(","), orient="row")
    ManifestDataset(filepath=str(path)).save(table)
    assert ManifestDataset(filepath=str(path)).load()["corpus"].to_list() == ["m"]
    assert ManifestDataset(filepath=str(path)).content_files == [path]


def test_a_column_that_one_lacks_is_an_error_and_no_lost_corpus(two):
    two[1].write_text("video_path,label\na.mp4,real\n")
    with pytest.raises(FileError, match=f"{two[1]} has no column 'group', which the others have"):
        ManifestDataset(filepath=both(two)).load()


@pytest.mark.parametrize("folder", [" lead", "~x", "plain"])
def test_folders_and_files_of_odd_names_are_found(tmp_path, folder, two):
    other = two[0].parent.parent / folder
    other.mkdir()
    (other / "manifest.csv").write_text(HEADER + "~a.mp4,real,1\n,fake,2\n")
    write_clip(other / "~a.mp4", pixels(0))
    manifests = both([*two, other / "manifest.csv"])
    paths = ManifestDataset(filepath=manifests).load().filter(pl.col("corpus") == folder)["video_path"].to_list()
    assert paths[1] == ""
    found = VideoFolderDataset(filepath=manifests).load()[paths[0].strip()]
    assert found.content_hash == VideoFolderDataset(filepath=str(other / "manifest.csv")).load()["~a.mp4"].content_hash


def test_another_spelling_of_a_path_is_the_same_manifest(two):
    table = ManifestDataset(filepath=both(two)).load()
    spelt = [two[0].parent / ".." / two[0].parent.name / two[0].name, two[1]]
    assert ManifestDataset(filepath=both(spelt)).load().equals(table)
    assert ManifestDataset(filepath=both([*spelt, two[0]])).load().equals(table)
