"""What is made of the values of a manifest."""

import logging

import polars as pl
import pytest
import yaml

from conftest import REPOSITORY
from fvc_kedro.pipelines.ingestion.nodes import ManifestError, check_manifest, read_manifest

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())


def manifest(rows):
    return pl.DataFrame(rows, schema=["video_path", "label", "group"], orient="row")


def read(rows, **changes):
    return read_manifest(manifest(rows), PARAMETERS["ingestion"] | changes)


def check(rows):
    return check_manifest(manifest(rows), PARAMETERS["ingestion"], PARAMETERS["svm"])


def warnings(caplog):
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(("real", "fake"), [("0", "1"), ("0.0", "1.0"), (" 0 ", "1\t")])
def test_1_is_fake_and_0_is_real_and_a_warning_says_so(caplog, real, fake):
    checked = read([("a.mp4", real, "x"), ("b.mp4", fake, "x")])
    assert checked["label"].to_list() == ["real", "fake"]
    assert checked["reason"].null_count() == 2
    (warning,) = warnings(caplog)
    assert warning.startswith("2 rows have the label 0 or 1: 0 is read as real and 1 as fake.")


def test_labels_may_be_in_any_letter_case(caplog):
    checked = read([("a.mp4", "REAL", "x"), ("b.mp4", "Fake", "x")])
    assert checked["label"].to_list() == ["real", "fake"]
    assert not warnings(caplog)


@pytest.mark.parametrize("label", ["True", "FALSE", "true"])
def test_true_and_false_are_ambiguous(label):
    (reason,) = read([("a.mp4", label, "x")])["reason"]
    assert reason.startswith(f"label '{label.lower()}' is ambiguous")
    assert reason.endswith("write real or fake")


def test_a_manifest_of_ambiguous_labels_only_is_refused_with_the_reason():
    rows = [(f"{number}.mp4", str(number % 3 > 0), "x") for number in range(12)]
    with pytest.raises(ManifestError) as refused:
        check(rows)
    message = str(refused.value)
    assert message.startswith("no row of the manifest can be used: label 'true' is ambiguous")
    assert "write real or fake (8 rows, first row 2: '1.mp4')" in message
    assert "\n" not in message


@pytest.mark.parametrize("group", ["NaN", "nan", "None", "null", "NA", "<NA>", "n/a", " NULL "])
def test_what_programs_write_for_nothing_is_no_group(group):
    first, second = read([("a.mp4", "real", "x"), ("b.mp4", "fake", group)])["reason"]
    assert first is None
    assert second.startswith(f"group '{group.strip()}' is no group: write its source in it, or a name of its own")


@pytest.mark.parametrize("group", ["", "  ", None])
def test_an_empty_group_is_no_group(group):
    (reason,) = read([("a.mp4", "real", group)])["reason"]
    assert reason.startswith("the group cell is empty: write its source in it, or a name of its own")


@pytest.mark.parametrize("groups", [("Anna", "anna"), ("clip 1", "clip  1"), ("clip 1", "clip1"), ("7", "7.0")])
def test_groups_that_are_nearly_alike_are_named_in_a_warning(caplog, groups):
    checked = read([("a.mp4", "real", f" {groups[0]} "), ("b.mp4", "fake", groups[1]), ("c.mp4", "fake", "other")])
    assert checked["group"].to_list() == [*groups, "other"]
    (warning,) = warnings(caplog)
    assert ", ".join(map(repr, sorted(groups))) in warning
    assert "may belong together" in warning
    assert "other" not in warning


def test_no_more_than_a_few_groups_are_named(caplog):
    rows = [(f"{number}{suffix}.mp4", "real", f"{number}{suffix}") for number in range(50) for suffix in ("", ".0")]
    read(rows)
    (warning,) = warnings(caplog)
    assert "and 45 more" in warning
    assert len(warning) < 400


@pytest.mark.parametrize("groups", [("007", "7"), ("a", "b"), ("v1.5", "v1"), ("x", "x")])
def test_other_groups_raise_no_warning(caplog, groups):
    read([("a.mp4", "real", groups[0]), ("b.mp4", "fake", groups[1])])
    assert not warnings(caplog)


def test_paths_that_stand_alone_raise_no_warning(caplog):
    read([("a.mp4", "real", "x"), ("A.mp4", "fake", "x")], every_video_stands_alone=True)
    assert not warnings(caplog)


def test_a_manifest_without_a_header_is_told_so():
    table = pl.DataFrame({"a.mp4": ["b.mp4"], "real": ["fake"], "1": ["2"]})
    with pytest.raises(
        ManifestError, match=r"begins with a video, \['a.mp4', 'real', '1'\], .* put the line video_path,label,group"
    ):
        read_manifest(table, PARAMETERS["ingestion"])


def test_a_column_of_empty_groups_is_called_so():
    with pytest.raises(ManifestError) as refused:
        check([(f"{number}.mp4", ("real", "fake")[number % 2], "") for number in range(12)])
    assert str(refused.value) == (
        "no row of the manifest can be used: the group cell is empty: write its source in it, or a name of its own if "
        "no other video shares one (12 rows, first row 1: '0.mp4')"
    )


def test_a_rejected_row_is_told(caplog):
    read([("a.mp4", "real", "x"), ("b.mp4", "fak", "x")])
    (warning,) = warnings(caplog)
    assert warning == (
        "1 of 2 rows is rejected: row 2 ('b.mp4'), label 'fak' is not used: only real and fake are "
        "(see rejected_videos)"
    )


def test_of_many_rejected_rows_a_few_of_different_reasons_are_told(caplog):
    read([*((f"{number}.mp4", "fak", "x") for number in range(500)), ("b.mp4", "", "x"), ("a.mp4", "real", "x")])
    (warning,) = warnings(caplog)
    assert warning == (
        "501 of 502 rows are rejected: row 1 ('0.mp4'), label 'fak' is not used: only real and fake are; row 501 "
        "('b.mp4'), no label in this row and 499 more (see rejected_videos)"
    )


def test_no_row_at_all_is_told():
    with pytest.raises(ManifestError, match="0 usable rows labelled real and 0 labelled fake"):
        check([("a.mp4", "real", "x")][:0])


@pytest.mark.parametrize("header", ["video_path_label_group", "video_path:label:group"])
def test_a_header_of_another_separator_is_told_which_there_are(header):
    with pytest.raises(ManifestError, match=r"or with another separator: a semicolon, a tab or \|"):
        read_manifest(pl.DataFrame({header: ["a.mp4:real:x"]}), PARAMETERS["ingestion"])
