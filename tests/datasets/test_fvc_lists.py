import polars as pl
import pytest
import yaml

from conftest import REPOSITORY
from fvc_kedro.datasets import FvcListsDataset
from fvc_kedro.datasets.fvc_lists import files_by_id, parse_platform_id
from fvc_kedro.execution import Outcomes
from fvc_kedro.pipelines.ingestion.nodes import index_videos, read_manifest

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.youtube.com/watch?v=Y7MJlmbnLQA", ("youtube", "Y7MJlmbnLQA")),
        ("http://youtube.com/watch?feature=share&v=a-b_c1234XY&t=3", ("youtube", "a-b_c1234XY")),
        ("https://youtu.be/hZ5Kt-ffkA0?t=10", ("youtube", "hZ5Kt-ffkA0")),
        ("https://www.youtube.com/embed/hZ5Kt-ffkA0", ("youtube", "hZ5Kt-ffkA0")),
        ("https://m.facebook.com/page.name/videos/1542574069191584/", ("facebook", "1542574069191584")),
        ("https://www.facebook.com/page/videos/vb.123456/916632151837497/?type=3", ("facebook", "916632151837497")),
        ("https://www.facebook.com/video.php?v=916632151837497", ("facebook", "916632151837497")),
        ("https://www.facebook.com/photo.php?v=916632151837497&set=x", ("facebook", "916632151837497")),
        ("https://twitter.com/someone/status/778281763429412864", ("twitter", "778281763429412864")),
        ("https://mobile.twitter.com/someone/status/778281763429412864/video/1", ("twitter", "778281763429412864")),
        ("https://www.youtube.com/", None),
        ("https://www.facebook.com/somebody", None),
        ("https://twitter.com/someone", None),
        ("https://example.org/watch?v=Y7MJlmbnLQA", None),
        ("no address at all", None),
    ],
)
def test_ids_are_read_from_addresses(url, expected):
    assert parse_platform_id(url) == expected


def test_a_video_may_be_named_by_its_file_or_its_folder():
    found = files_by_id(["Y7MJlmbnLQA.mp4", "1542574069191584/video.mkv", "deep/hZ5Kt-ffkA0.webm"])
    assert found["Y7MJlmbnLQA"] == "Y7MJlmbnLQA.mp4"
    assert found["1542574069191584"] == "1542574069191584/video.mkv"
    assert found["hZ5Kt-ffkA0"] == "deep/hZ5Kt-ffkA0.webm"


@pytest.fixture
def corpus(tmp_path):
    youtube = "https://www.youtube.com/watch?v="
    (tmp_path / "FVC.csv").write_text(
        f"cascade_id,video_url,label\nf0,{youtube}AAAAAAAAAA1,fake\nr0,{youtube}AAAAAAAAAA2,real\n"
    )
    rows = [("f0", 3, "real"), ("f0", 4, "uncertain"), ("r0", 5, "parody"), ("r0", 6, "debunked")]
    rows += [("f1", 7, "fake"), ("r1", 7, "real"), ("f2", 1, "fake")]
    lines = [f"{cascade},{youtube}AAAAAAAAAA{number},{label}" for cascade, number, label in rows]
    (tmp_path / "FVC_dup.csv").write_text("cascade_id,video_url,label\n" + "\n".join(lines) + "\n")
    (tmp_path / "AAAAAAAAAA1.mp4").write_bytes(b"x")
    (tmp_path / "AAAAAAAAAA3").mkdir()
    (tmp_path / "AAAAAAAAAA3/video.mkv").write_bytes(b"x")
    return tmp_path


def test_the_lists_and_a_folder_become_a_manifest(corpus):
    manifest = FvcListsDataset(filepath=str(corpus), lists=["FVC.csv", "FVC_dup.csv"]).load()
    assert len(manifest) == 9
    first, _, third = manifest.head(3).iter_rows(named=True)
    assert (first["video_path"], first["label"], first["group"], first["platform"]) == (
        "AAAAAAAAAA1.mp4",
        "fake",
        "f0",
        "youtube",
    )
    assert third["video_path"] == "AAAAAAAAAA3/video.mkv"
    assert third["group"] == "f0"


def test_other_labels_conflicts_and_repeats_are_rejected_by_name(corpus):
    manifest = FvcListsDataset(filepath=str(corpus), lists=["FVC.csv", "FVC_dup.csv"]).load()
    checked = read_manifest(manifest, PARAMETERS["ingestion"])
    reasons = dict(checked.filter(pl.col("reason").is_not_null()).select("row", "reason").iter_rows())
    for row, label in ((4, "uncertain"), (5, "parody"), (6, "debunked")):
        assert f"'{label}' is not used" in reasons[row]
    assert reasons[7] == reasons[8] == "conflict: the same video is listed both as real and as fake"
    assert "row 1 (groups: f0, f2)" in reasons[9]
    usable = checked.filter(pl.col("reason").is_null())["video_id"].to_list()
    record = dict.fromkeys(("bytes", "width", "height", "fps", "n_frames", "duration_s", "bitrate", "rotation"), 1)
    record |= dict.fromkeys(("displayed_width", "displayed_height", "pixel_aspect_ratio"), 1)
    record |= {"video_stream": 0, "n_video_streams": 1}
    record |= {"codec": "h264", "pixel_format": "yuv420p"}
    inspections = Outcomes({name: {"facts": record | {"sha256": name}} for name in usable}, {})
    index, rejected = index_videos(checked, inspections)
    assert (len(index), len(rejected)) == (3, 6)


def test_missing_lists_are_named(tmp_path):
    with pytest.raises(Exception, match=r"there is no list at .*FVC\.csv"):
        FvcListsDataset(filepath=str(tmp_path), lists=["FVC.csv"]).load()


def test_a_list_without_its_columns_is_named(tmp_path):
    (tmp_path / "FVC.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Exception, match="lacks the columns"):
        FvcListsDataset(filepath=str(tmp_path), lists=["FVC.csv"]).load()


def test_the_fvc_environment_ingests_such_a_folder(tiny_corpus, tmp_path, run_pipeline):
    from conftest import TINY

    rows = []
    for number in range(12):
        label = ("real", "fake")[number % 2]
        name = f"AAAAAAAAA{number:02d}"
        (tmp_path / "fvc" / name).mkdir(parents=True)
        content = (tiny_corpus.parent / f"videos/{number // 2}_{label}.mp4").read_bytes()
        (tmp_path / "fvc" / name / "video.mp4").write_bytes(content)
        rows.append(f"f{number // 2},https://youtu.be/{name},{label}")
    (tmp_path / "fvc/FVC.csv").write_text("cascade_id,video_url,label\n" + "\n".join(rows[:6]) + "\n")
    (tmp_path / "fvc/FVC_dup.csv").write_text("cascade_id,video_url,label\n" + "\n".join(rows[6:]) + "\n")
    run_pipeline("ingestion", env="fvc", fvc_root=str(tmp_path / "fvc"), data_root=str(tmp_path / "out"), **TINY)
    index = pl.read_parquet(tmp_path / "out/02_intermediate/corpus_index.parquet")
    assert len(index) == 12
    assert set(index["platform"]) == {"youtube"}
    assert index["group"].n_unique() == 6
