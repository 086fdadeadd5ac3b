import os

import pytest

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.layouts.listing import list_folder


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "corpus/real").mkdir(parents=True)
    (tmp_path / "corpus/real/a.MP4").touch()
    (tmp_path / "corpus/list.csv").touch()
    return tmp_path / "corpus"


def test_videos_and_other_files_are_told_apart(folder):
    listing = list_folder(folder)
    assert (listing.videos, listing.others, listing.left_out) == (["real/a.MP4"], ["list.csv"], {})
    assert listing.named("list.csv") == ["list.csv"]


def test_links_are_followed_once_and_no_loop_is(folder, tmp_path):
    outside = tmp_path / "disk/part"
    outside.mkdir(parents=True)
    (outside / "b.mp4").touch()
    (outside / "back").symlink_to(folder)
    (outside / "again").symlink_to(outside)
    (folder / "part").symlink_to(outside)
    (folder / "twin").symlink_to(folder / "real")
    (folder / "single.mp4").symlink_to(outside / "b.mp4")
    (folder / "gone.mp4").symlink_to("nowhere.mp4")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    listing = list_folder(folder)
    assert listing.videos == ["part/b.mp4", "real/a.MP4", "single.mp4"]
    assert listing.n_linked == 2
    assert listing.left_out == {
        **dict.fromkeys(("part/back", "part/again", "twin"), "a symbolic link to a folder that is listed already"),
        **dict.fromkeys(("gone.mp4", "loop.mp4"), "a symbolic link that leads nowhere or in a loop"),
    }


def test_what_only_ends_like_a_video_is_left_out(folder):
    os.mkfifo(folder / "pipe.mp4")
    (folder / "._a.mp4").touch()
    (folder / "frames.mp4").mkdir()
    assert list_folder(folder).left_out == {
        "pipe.mp4": "no ordinary file",
        "._a.mp4": "what macOS keeps beside a file, no video",
    }


def test_a_folder_of_frames_is_refused_with_what_it_holds(tmp_path):
    for name in ("0.png", "1.png", "README"):
        (tmp_path / name).touch()
    with pytest.raises(FileError, match=r"no video in .* \(it holds 2 .png, 1 no ending\): .* frames"):
        list_folder(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileError, match="it holds no file at all"):
        list_folder(tmp_path)
    (tmp_path / "a.mp4").symlink_to("a.mp4")
    with pytest.raises(FileError, match=r"'a.mp4' is a symbolic link that leads nowhere or in a loop"):
        list_folder(tmp_path)
