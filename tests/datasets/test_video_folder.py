from urllib.parse import quote

import pytest

from fvc_kedro.datasets import VideoFolder, VideoFolderDataset
from fvc_kedro.video import UnusableVideoError


@pytest.fixture
def folder(tmp_path, tiny_corpus):
    source = tiny_corpus.parent / "videos/0_real.mp4"
    for name in ("corpus/b 'quoted' ü.mp4", "corpus/deep/a.MKV", "corpus/notes.txt", "outside.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(source.read_bytes())
    return tmp_path / "corpus"


def test_videos_are_listed_by_relative_path(folder):
    assert list(VideoFolder(folder)) == ["b 'quoted' ü.mp4", "deep/a.MKV"]
    assert len(VideoFolder(folder)) == 2
    assert VideoFolder(folder)["b 'quoted' ü.mp4"].info.n_frames == 12


@pytest.mark.parametrize("path", ["../outside.mp4", "link.mp4"])
def test_a_path_out_of_the_folder_is_refused_unless_allowed(folder, path):
    (folder / "link.mp4").symlink_to(folder.parent / "outside.mp4")
    with pytest.raises(UnusableVideoError) as refused:
        _ = VideoFolder(folder)[path].info
    outside = folder.parent / "outside.mp4"
    assert str(refused.value) == (f"outside the corpus folder: --params allow_outside=true allows {outside}")
    assert VideoFolder(folder, allow_outside=True)[path].info.n_frames == 12


@pytest.mark.parametrize("separator", ["\\", "/"])
def test_a_backslash_separates_folders_unless_a_file_is_named_so(folder, separator):
    assert VideoFolder(folder)[f"deep{separator}a.MKV"].info.n_frames == 12
    (folder / r"deep\a.MKV").write_bytes(b"no video")
    assert (separator == "\\") == (VideoFolder(folder)[f"deep{separator}a.MKV"].n_bytes == 8)


def test_file_urls_are_decoded(folder):
    written = {f"file://{quote(str(folder))}/b%20%27quoted%27%20%C3%BC.mp4", (folder / "deep/a.MKV").as_uri()}
    written |= {"file://localhost" + quote(str(folder / "deep/a.MKV")), "FILE://deep/a.MKV"}
    assert {VideoFolder(folder)[url].info.n_frames for url in written} == {12}
    outside = (folder.parent / "outside.mp4").as_uri()
    with pytest.raises(UnusableVideoError, match="outside the corpus folder"):
        _ = VideoFolder(folder)[outside].info
    assert VideoFolder(folder, allow_outside=True)[outside].info.n_frames == 12


@pytest.mark.parametrize("url", ["https://example.org/a.mp4?x=1", "HTTP://example.org/a.mp4", "s3://bucket/a.mp4"])
def test_other_urls_are_refused_with_the_remedy(folder, url):
    with pytest.raises(UnusableVideoError, match=r"a URL \(\w+\), which is not downloaded: download it"):
        _ = VideoFolder(folder)[url].info


@pytest.mark.parametrize("path", ["file:///" + "x" * 5000, "x\\" * 5000, "file:///a%00.mp4", "C:\\absent.mp4", "\\\\"])
def test_a_path_that_leads_nowhere_costs_that_video(folder, path):
    with pytest.raises(UnusableVideoError):
        _ = VideoFolder(folder, allow_outside=True)[path].info


@pytest.mark.parametrize("path", ["deep/absent.mp4", "notes.txt/a.mp4", r"deep\absent.mp4", "deep/../absent.mp4"])
def test_where_a_missing_video_was_sought_is_told(folder, path):
    sought = (folder / path.replace("\\", "/")).resolve()
    with pytest.raises(UnusableVideoError) as refused:
        _ = VideoFolder(folder)[path].info
    assert str(refused.value) == (f"missing: there is no file {sought} (paths are relative to the CSV's folder)")


def test_a_folder_in_the_place_of_a_video_is_told(folder):
    with pytest.raises(UnusableVideoError, match="not a file but a folder: each of its videos takes a row of its own"):
        _ = VideoFolder(folder)["deep"].info


def test_a_tilde_is_the_user_s_folder_unless_a_file_is_named_so(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "deep"))
    assert VideoFolder(folder)["~/a.MKV"].info.n_frames == 12
    with pytest.raises(UnusableVideoError, match=f"missing: there is no file {folder}/deep/absent.mp4"):
        _ = VideoFolder(folder)["~/absent.mp4"].info
    with pytest.raises(UnusableVideoError, match=f"missing: there is no file {folder}/~nobody_at_all/a.mp4"):
        _ = VideoFolder(folder)["~nobody_at_all/a.mp4"].info
    (folder / "~").mkdir()
    (folder / "~/a.MKV").write_bytes(b"no video")
    assert VideoFolder(folder)["~/a.MKV"].n_bytes == 8


def test_paths_are_relative_to_a_manifest(tiny_corpus):
    videos = VideoFolderDataset(filepath=str(tiny_corpus)).load()
    assert videos["videos/0_real.mp4"].info.n_frames == 12


def test_a_stamp_changes_with_the_file(tmp_path, tiny_corpus):
    content = (tiny_corpus.parent / "videos/0_real.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content)
    video = VideoFolder(tmp_path)["a.mp4"]
    before, digest = video.stamp, video.content_hash
    (tmp_path / "a.mp4").write_bytes(content + b"more")
    assert video.stamp != before
    assert VideoFolder(tmp_path)["a.mp4"].content_hash != digest


def test_a_folder_is_read_only(folder):
    with pytest.raises(Exception, match="never written"):
        VideoFolderDataset(filepath=str(folder)).save("something")
