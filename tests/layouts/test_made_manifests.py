"""What holds for the manifest of any layout."""

import os
import tempfile
from pathlib import Path

import pytest
import yaml
from corpora import FILES, LISTS, make_corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import REPOSITORY
from fvc_kedro.datasets import ManifestDataset, VideoFolder
from fvc_kedro.datasets.errors import FileError
from fvc_kedro.layouts import NAMES
from fvc_kedro.layouts.manifest import COLUMNS, make_manifest
from fvc_kedro.pipelines.ingestion.nodes import check_manifest, read_manifest
from fvc_kedro.video import VideoFile

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())


def written(manifest, path):
    ManifestDataset(filepath=str(path)).save(manifest.table)
    return ManifestDataset(filepath=str(path)).load()


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_a_run_takes_the_manifest_as_it_was_written(tmp_path):
    touch(tmp_path, *(f"{label}/{number}_{label}.mp4" for label in ("real", "fake") for number in range(10)))
    read = written(make_manifest(tmp_path, tmp_path), tmp_path / "manifest.csv")
    assert tuple(read.columns) == COLUMNS
    checked = check_manifest(read, PARAMETERS["ingestion"], PARAMETERS["svm"])
    assert checked["reason"].null_count() == 20
    assert checked["group"].n_unique() == 10


# Any name that a file may have here, with the words that layouts look at among them.
NAME = st.one_of(
    st.sampled_from(
        ["real", "fake", "Deepfakes", "Celeb-real", "id0_id1_0000", "033_097", "0000_fake", "train", "masks"]
    ),
    st.text(
        st.one_of(
            st.sampled_from(" ,;\"'\n\r\t|~\\:.éß字\u0301\u200b\udc80\udcff"),
            st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
        ),
        min_size=1,
        max_size=12,
    ),
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(st.lists(NAME, min_size=1, max_size=3).map("/".join), max_size=8)


@pytest.mark.parametrize("name", NAMES)
@given(paths=PATHS)
@settings(max_examples=40, deadline=None)
def test_every_video_is_in_the_manifest_or_counted_as_left_out(name, paths):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "corpus"
        make_corpus(name, root)
        videos = set(FILES[name])
        for path in (f"{path}.mp4" for path in paths):
            if not any(os.path.lexists(root / parent) and not (root / parent).is_dir() for parent in parents(path)):
                touch(root, path)
                videos.add(path)
        manifest = make_manifest(root, root, name)
        left_out = [path for paths in manifest.left_out.values() for path in paths]
        kept = [path.removeprefix("./") for path in manifest.table["video_path"]]
        assert videos <= {*kept, *left_out}
        assert len({*kept, *left_out}) == len(kept) + len(left_out)
        notes = [note for note in manifest.notes if note.startswith("left out: ")]
        assert sum(int(note.split()[2].rstrip(",")) for note in notes) == len(left_out)
        read = read_manifest(written(manifest, root / "manifest.csv"), PARAMETERS["ingestion"])
        assert read["reason"].is_null().all()
        handles = VideoFolder(root)
        assert all(isinstance(handles[path], VideoFile) for path in read["video_path"])
        # What are two groups here are two groups in a run.
        assert read["group"].n_unique() <= manifest.table["group"].n_unique()


def parents(path):
    return [str(parent) for parent in Path(path).parents][:-1]


def test_a_path_is_read_as_it_was_written(tmp_path):
    names = [
        " 2020/real/a.mp4",
        "\t2021/fake/,a.mp4",
        "~me/fake/b.mp4",
        'fake/"a".mp4',
        "fake/a\r.mp4",
        "real/a\nb.mp4",
        *(f"{sign}cmd/real/a.mp4" for sign in "=+-@"),
    ]
    touch(tmp_path, *names, os.fsdecode(b"fake/\xff.mp4"))
    manifest = make_manifest(tmp_path, tmp_path)
    assert manifest.left_out == {"its path is not UTF-8: rename it": ["fake/\udcff.mp4"]}
    read = read_manifest(written(manifest, tmp_path / "manifest.csv"), PARAMETERS["ingestion"])
    assert {path.removeprefix("./") for path in read["video_path"]} == set(names)
    # A spreadsheet takes none for a formula, nor a run for the path of a home.
    assert not any(path.startswith(tuple("=+-@~")) for path in read["video_path"])
    handles = VideoFolder(tmp_path)
    assert all(isinstance(handles[path], VideoFile) for path in read["video_path"])


def test_paths_are_relative_to_where_the_manifest_will_lie(tmp_path):
    root = make_corpus("uadfv", tmp_path / "corpora/uadfv")
    beside = make_manifest(root, tmp_path / "corpora")
    assert beside.table["video_path"][0] == "uadfv/fake/0000_fake.mp4"
    assert not beside.leads_outside
    elsewhere = make_manifest(root, tmp_path / "lists/made")
    assert elsewhere.table["video_path"][0] == "../../corpora/uadfv/fake/0000_fake.mp4"
    assert elsewhere.leads_outside
    assert "kedro run needs --params allow_outside=true" in elsewhere.notes[-1]
    (root / "more").symlink_to(make_corpus("uadfv", tmp_path / "disk"))
    assert make_manifest(root, root).leads_outside


@pytest.mark.parametrize("name", NAMES)
def test_a_corpus_may_be_named(name, tmp_path):
    named = make_manifest(make_corpus(name, tmp_path), tmp_path, corpus=" mine ").table
    assert set(named["corpus"]) == {"mine"}
    assert all(group.startswith(f"{name} mine ") for group in named["group"])


def test_named_corpora_of_one_layout_share_no_group_and_are_read_together(tmp_path):
    for name in ("first", "second"):
        root = make_corpus("folders", tmp_path / name / "videos")
        ManifestDataset(filepath=str(tmp_path / f"{name}.csv")).save(make_manifest(root, tmp_path, corpus=name).table)
    both = ManifestDataset(filepath=f"{tmp_path}/first.csv,{tmp_path}/second.csv").load()
    groups = [set(part["group"]) for part in both.partition_by("corpus")]
    assert len(groups) == 2
    assert groups[0].isdisjoint(groups[1])


@pytest.mark.parametrize("name", ["folders", "uadfv"])
def test_two_corpora_that_nobody_named_are_refused_together(name, tmp_path):
    for disk in ("a", "b"):
        root = make_corpus(name, tmp_path / disk / "videos")
        written(make_manifest(root, root), root / "manifest.csv")
    both = ManifestDataset(filepath=f"{tmp_path}/a/videos/manifest.csv,{tmp_path}/b/videos/manifest.csv")
    with pytest.raises(FileError, match=r"would both be the corpus '(videos|uadfv)'"):
        both.load()


def test_long_paths_are_cut_in_messages(tmp_path):
    deep = "/".join(["folder of a long name"] * 20)
    touch(tmp_path, f"notes/{deep}/end.mp4")
    with pytest.raises(FileError, match=r"such as 'notes/folder.*….*/end.mp4'") as error:
        make_manifest(tmp_path, tmp_path)
    assert deep not in str(error.value)
    touch(tmp_path, "real/a.mp4", "fake/a.mp4")
    (note,) = (note for note in make_manifest(tmp_path, tmp_path).notes if note.startswith("left out"))
    assert note.endswith("…" + f"notes/{deep}/end.mp4"[-50:] + "')")
    assert len(note) < 200


def test_no_layout_fits_names_all_that_was_looked_for(tmp_path):
    touch(tmp_path, "holiday/beach.mp4")
    with pytest.raises(FileError, match=r"no layout fits .* such as 'holiday/beach.mp4'") as error:
        make_manifest(tmp_path, tmp_path)
    assert all(f"{name}: " in str(error.value) for name in NAMES)


def test_one_class_only_is_refused_with_what_was_left_out(tmp_path):
    touch(tmp_path, "Deepfakes/033_097.mp4", "original/thirty.mp4")
    with pytest.raises(
        FileError, match=r"has 0 real and 1 fake videos as FaceForensics\+\+; 1 left out: its name is not"
    ):
        make_manifest(tmp_path, tmp_path)


def test_one_group_of_most_videos_is_told_with_the_remedy(tmp_path):
    root = make_corpus("celebdf", tmp_path)
    touch(root, *(f"Celeb-synthesis/id0_id1_{number:04}.mp4" for number in range(5)))
    assert any(
        "one group, 'celebdf id0', holds 5 of the 6 fake videos" in note and "--group-by footage" in note
        for note in make_manifest(root, root).notes
    )
    footage = make_manifest(root, root, group_by="footage").notes
    assert not any("--group-by" in note for note in footage)
    assert "warning: a face may be in a picture of one group and in the footage of another" in "\n".join(footage)


def test_a_subset_of_one_class_is_told(tmp_path):
    touch(tmp_path, "original/c23/033.mp4", "Deepfakes/c40/033_097.mp4", "Deepfakes/c23/033_097.mp4")
    notes = make_manifest(tmp_path, tmp_path).notes
    assert [note for note in notes if "subset" in note] == [
        "warning: all videos of the subset 'c40' are fake: what they have in common may tell the label"
    ]


def test_groups_of_one_class_are_told(tmp_path):
    touch(tmp_path, "real/a.mp4", "fake/b.mp4")
    assert any("no group holds both classes" in note for note in make_manifest(tmp_path, tmp_path).notes)
    touch(tmp_path, "fake/a.mp4")
    assert not any("no group holds both classes" in note for note in make_manifest(tmp_path, tmp_path).notes)


@pytest.mark.parametrize("name", sorted(LISTS))
def test_lists_are_read_with_a_byte_order_mark_and_windows_line_ends(name, tmp_path):
    plain = make_manifest(make_corpus(name, tmp_path / "corpus"), tmp_path)
    for path, text in LISTS[name].items():
        (tmp_path / "corpus" / path).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert make_manifest(tmp_path / "corpus", tmp_path).table.equals(plain.table)
