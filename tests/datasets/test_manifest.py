"""Manifests as spreadsheet programs, pandas and people write them."""

import csv
import io
import logging
import os
import re
import time

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fvc_kedro.datasets import ManifestDataset
from fvc_kedro.datasets.errors import FileError

HEADER = ["video_path", "label", "group"]
ROWS = [["clips/a, b.mp4", "real", "007"], ["clips/Käthe.mp4", "fake", "1;2|3"]]
EXPECTED = pl.DataFrame(ROWS, schema=HEADER, orient="row")


def written(rows, separator=",", end="\n"):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    return text.getvalue()


@pytest.fixture
def load(tmp_path):
    def load(content, name="manifest [1] *.csv"):  # brackets and stars are no pattern
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return ManifestDataset(filepath=str(tmp_path / name)).load().drop("corpus")

    return load


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_encodings_and_line_ends_are_told_by_the_file(load, encoding, separator, end):
    assert_frame_equal(load(written([HEADER, *ROWS], separator, end).encode(encoding)), EXPECTED)


def test_utf_16_is_read_in_either_byte_order(load):
    text = "\ufeff" + written([HEADER, *ROWS], "\t")
    assert_frame_equal(load(text.encode("utf-16-be")), EXPECTED)
    assert_frame_equal(load(text.encode("utf-16-le")), EXPECTED)


def test_windows_1252_is_read_with_a_warning_that_shows_a_name(load, caplog):
    load(written([HEADER, *ROWS]).encode("cp1252"))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert re.search(
        r"is not UTF-8 and is read as Windows-1252 \(line 3: 'clips/Käthe.*save it as UTF-8", record.message
    )


@pytest.mark.parametrize("names", [["Unnamed: 0"], [""], ["", "Unnamed: 0", "Unnamed: 0.1"]])
def test_index_columns_are_passed_over(load, names):
    rows = [[*range(number, number + len(names)), *row] for number, row in enumerate(ROWS)]
    assert_frame_equal(load(written([[*names, *HEADER], *rows])), EXPECTED)


@pytest.mark.parametrize("header", [[" Video_Path ", "LABEL", "Group\t"], ["Video Path", "Label", "GROUP"]])
def test_a_header_may_have_other_letter_case_and_spaces(load, header):
    assert_frame_equal(load(written([header, *ROWS])), EXPECTED)


def test_blank_lines_and_empty_values_at_the_end_are_passed_over(load):
    text = "\nvideo_path,label,group,platform\n\na.mp4,real,1\n,,,\nb.mp4,fake,1,x,,\n  \n"
    rows = [("a.mp4", "real", "1", ""), ("b.mp4", "fake", "1", "x")]
    assert load(text).rows() == rows


def test_spaces_after_separators_are_no_part_of_a_quoted_value(load):
    assert load('"video_path", "label", "group"\n"a, b.mp4", "real", "1"\n').rows() == [("a, b.mp4", "real", "1")]


def test_a_header_without_rows_is_a_table_without_rows(load):
    assert_frame_equal(load(written([HEADER])), EXPECTED.clear())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: its first line must be video_path,label,group"),
        ("\ufeff\n \n".encode(), "is empty: its first line must be"),
        (b",,,\n,,,\n", "is empty: its first line must be"),
        (
            "video_path,label,group\na.mp4,real,1\ninterview, part 2.mp4,real,1\n",
            r"line 3: 'interview,part 2.mp4,real,1' has 4 fields where the header has 3: put a value that holds the "
            "separator ',' in double quotes",
        ),
        (
            'video_path,label,group\na.mp4,real,1\n"b.mp4,fake,1\nc.mp4,fake,1\n',
            "line 3: '\"b.mp4,fake,1' has a double quote",
        ),
        ('video_path,label,group\n"a" b.mp4,real,1\n', "line 2: '\"a\" b.mp4,real,1' has a double quote too many"),
        (
            'video_path,label,group\n"a.mp4,real,1\n' + "b.mp4,real,1\n" * 20_000,
            "line 2: '\"a.mp4,real,1' has a double",
        ),
        (
            "video_path,label,group\na\0.mp4,real,1\n",
            r"line 2: 'a\\x00.mp4,real,1' holds a NUL character.*save it as CSV",
        ),
        (
            "\ufeffvideo_path,label,group\na\0.mp4,real,1\n".encode("utf-16-le"),
            r"line 2: 'a\\x00.mp4,real,1' holds a NUL",
        ),
        (written([HEADER, *ROWS]).encode("utf-16-le"), "line 1: .* holds a NUL character"),
        (written([HEADER, *ROWS]).encode("utf-16")[:-1], "line 3: .* is no UTF-16"),
        (
            b"video_path,label,group\na\x81.mp4,real,1\n",
            r"line 2: 'a\\x81.mp4,real,1' is neither UTF-8 nor Windows-1252",
        ),
        (b"PK\x03\x04" + bytes(100), "is a workbook of Excel or an archive, no CSV: save its sheet as CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "is a workbook of Excel"),
        (b"\0\0\0 ftypisom" + bytes(100), "line 1: .* holds a NUL character"),
        ("video_path,label,group,Label\n", r"names \['label'\] twice .*: rename or remove one"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:30],
)
def test_what_is_no_such_table_is_refused_with_the_line_and_the_remedy(load, tmp_path, content, message):
    with pytest.raises(FileError, match=message) as refused:
        load(content, "manifest.csv")
    assert str(tmp_path / "manifest.csv") in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "video_path;label;group\na.mp4;real;1\nb.mp4,fake,1\n",
            "line 3: 'b.mp4,fake,1' is separated by ',', but the header, 'video_path;label;group', by ';': write all "
            "lines with one separator",
        ),
        (
            "video_path,label,group\na.mp4;real;1\n",
            "line 2: 'a.mp4;real;1' is separated by ';', but the header, 'video_path,label,group', by ',': write all "
            "lines with one separator",
        ),
        (
            "video_path,label,group\na,b.mp4,real,1\n",
            "line 2: 'a,b.mp4,real,1' has 4 fields where the header has 3: put a value that holds the separator ',' in "
            "double quotes",
        ),
    ],
)
def test_a_row_that_does_not_fit_the_header_is_told(load, tmp_path, content, message):
    with pytest.raises(FileError) as refused:
        load(content, "manifest.csv")
    assert str(refused.value) == f"{tmp_path}/manifest.csv, {message}"


def test_a_row_that_ends_early_is_filled(load):
    table = load("video_path,label,group\na;b.mp4\nc.mp4,real\n")
    assert table.rows() == [("a;b.mp4", "", ""), ("c.mp4", "real", "")]


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "pipe.csv", "no ordinary file"),
        (tmp_path / "a", "no manifest at"),
    ):
        with pytest.raises(FileError, match=message):
            ManifestDataset(filepath=str(path)).load()


def test_a_million_rows_take_seconds(load):
    text = written([HEADER]) + "id00012/clip/00001/real.mp4,real,id00012\n" * 1_000_000
    begun = time.perf_counter()
    assert len(load(text)) == 1_000_000
    assert time.perf_counter() - begun < 20


VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(rows=st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=5))
@example(rows=[("\r", "\n", " "), ("a", "\r", "b")])
def test_what_is_saved_is_loaded(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "manifest.csv"
    table = pl.DataFrame(rows, schema=dict.fromkeys(HEADER, pl.String), orient="row")
    ManifestDataset(filepath=str(path)).save(table)
    loaded = ManifestDataset(filepath=str(path)).load().drop("corpus").select(pl.all().str.strip_chars())
    stripped = table.select(pl.all().str.strip_chars())
    assert_frame_equal(loaded, stripped.filter(pl.any_horizontal(pl.all() != "")))


@pytest.mark.parametrize("front", ["sep=;\n", "sep=;\r\n", "\n\n", ";;\n", "sep=;\n;;\n"])
def test_the_line_for_excel_and_empty_lines_in_front_are_no_header(load, front):
    table = load(front + "video_path;label;group\na.mp4;real;1\n")
    assert table.rows() == [("a.mp4", "real", "1")]
    assert table.columns == ["video_path", "label", "group"]


def test_lines_of_another_separator_in_front_do_not_tell_the_separator(load):
    assert load(";;;\nvideo_path,label,group\na.mp4,real,1\n").rows() == [("a.mp4", "real", "1")]


def test_a_save_that_is_cut_short_leaves_the_former_manifest(tmp_path, monkeypatch):
    dataset = ManifestDataset(filepath=str(tmp_path / "manifest.csv"))
    dataset.save(EXPECTED)

    def write_half(_, file):
        file.write(b"video_path,label,group\n")
        raise OSError("no space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", write_half)
    with pytest.raises(Exception, match="no space left"):
        dataset.save(EXPECTED)
    assert_frame_equal(dataset.load().drop("corpus"), EXPECTED)


def test_a_save_writes_the_target_of_a_link_and_no_device(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.csv").symlink_to("disk/manifest.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    for _ in range(2):  # before there is a target, and over it
        ManifestDataset(filepath=str(tmp_path / "link.csv")).save(EXPECTED)
    assert (tmp_path / "link.csv").is_symlink()
    assert_frame_equal(ManifestDataset(filepath=str(tmp_path / "disk/manifest.csv")).load().drop("corpus"), EXPECTED)
    with pytest.raises(FileError, match=r"pipe.csv is no ordinary file"):
        ManifestDataset(filepath=str(tmp_path / "pipe.csv")).save(EXPECTED)
    assert (tmp_path / "pipe.csv").is_fifo()
