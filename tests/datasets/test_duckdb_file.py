import datetime
import os
import signal
import subprocess
import sys

import duckdb
import polars as pl
import pytest
from kedro.io import DatasetError
from polars.testing import assert_frame_equal

from fvc_kedro.datasets import DuckDbDataset


@pytest.fixture
def dataset(tmp_path):
    return DuckDbDataset(filepath=str(tmp_path / "a 'folder'" / "results.duckdb"))


def files(dataset):
    return sorted(path.name for path in dataset._filepath.parent.iterdir())


def test_changes_that_another_program_left_unfinished_are_not_done_to_the_new_tables(tmp_path):
    """A process that is killed leaves them beside the file, and DuckDB does them when it opens the file next."""
    dataset = DuckDbDataset(filepath=str(tmp_path / "results.duckdb"))
    dataset.save({"results": pl.DataFrame({"fold": [1]})})
    change = (
        f"import duckdb, os; connection = duckdb.connect({str(tmp_path / 'results.duckdb')!r}); "
        "connection.execute('UPDATE results SET fold = 99'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", change], check=False)
    assert (tmp_path / "results.duckdb.wal").exists()
    dataset.save({"results": pl.DataFrame({"fold": [2]})})
    assert dataset.load().sql("FROM results").fetchall() == [(2,)]


def test_tables_come_back_as_they_were_saved(dataset):
    table = pl.DataFrame(
        {
            "group": ["7", 'it\'s "quoted"', "日本\n", None],
            "select": [1, None, 3, 4],
            "a column; DROP": [0.5, float("nan"), float("inf"), None],
            "flag": [True, None, False, True],
            "day": [datetime.date(2024, 2, 29), None, None, None],
            "list": [[1.0, None], [], None, [2.0]],
            "nothing": pl.Series([None] * 4, dtype=pl.Int32),
        }
    )
    dataset.save({"folds": table, "a table": table.head(1)})
    connection = dataset.load()
    assert_frame_equal(connection.sql("SELECT * FROM folds").pl(), table)
    assert connection.sql('SELECT "group" FROM "a table"').fetchall() == [("7",)]
    assert files(dataset) == ["results.duckdb"]


def test_a_table_without_rows_keeps_its_columns(dataset):
    schema = {"video_id": pl.String, "n": pl.Int64, "share": pl.Float64}
    dataset.save({"failed_videos": pl.DataFrame(schema=schema)})
    assert dataset.load().sql("FROM failed_videos").pl().schema == pl.Schema(schema)


def test_a_table_without_columns_is_left_out_and_said(dataset, caplog):
    dataset.save({"empty": pl.DataFrame(), "folds": pl.DataFrame({"fold": [1]})})
    assert dataset.load().sql("SHOW TABLES").fetchall() == [("folds",)]
    assert "empty has no columns" in caplog.text


def test_a_column_of_nulls_alone_is_kept(dataset):
    dataset.save({"t": pl.DataFrame({"reason": [None, None]})})
    assert dataset.load().sql("SELECT reason FROM t").fetchall() == [(None,), (None,)]


def test_the_rows_stay_in_their_order(dataset):
    table = pl.DataFrame({"n": list(range(200_000, 0, -1))})
    dataset.save({"t": table})
    assert_frame_equal(dataset.load().sql("FROM t").pl(), table)


def test_a_table_named_like_the_file_can_be_named_before_its_columns(dataset):
    dataset.save({"results": pl.DataFrame({"fold": [1]})})
    assert dataset.load().sql("SELECT results.fold FROM results").fetchall() == [(1,)]


def test_a_save_replaces_all_tables_also_for_those_who_hold_a_connection(dataset):
    dataset.save({"old": pl.DataFrame({"n": [1]}), "t": pl.DataFrame({"n": [1]})})
    held = dataset.load()
    dataset.save({"t": pl.DataFrame({"n": [2]})})
    assert dataset.load().sql("FROM t").fetchall() == [(2,)]
    assert dataset.load().sql("SHOW TABLES").fetchall() == [("t",)]
    assert held.sql("FROM old").fetchall() == [(1,)]


def test_a_failed_save_leaves_the_former_file_and_names_the_table(dataset):
    dataset.save({"t": pl.DataFrame({"n": [1]})})
    with pytest.raises(DatasetError, match="'T' cannot be written"):  # SQL knows no capitals
        dataset.save({"t": pl.DataFrame({"n": [2]}), "T": pl.DataFrame({"n": [3]})})
    assert files(dataset) == ["results.duckdb"]
    assert dataset.load().sql("FROM t").fetchall() == [(1,)]


def test_a_killed_save_leaves_the_former_file(dataset):
    dataset.save({"t": pl.DataFrame({"n": [1]})})
    script = f"""
import os, signal
import polars as pl
from fvc_kedro.datasets import DuckDbDataset
class Tables(dict):
    def items(self):
        yield "t", pl.DataFrame({{"n": [2]}})
        os.kill(os.getpid(), signal.SIGKILL)
DuckDbDataset(filepath={str(dataset._filepath)!r}).save(Tables())
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert dataset.load().sql("FROM t").fetchall() == [(1,)]
    dataset.save({"t": pl.DataFrame({"n": [3]})})
    assert dataset.load().sql("FROM t").fetchall() == [(3,)]


def test_the_remains_of_a_killed_save_are_no_obstacle(dataset):
    dataset._filepath.parent.mkdir()
    dataset._filepath.with_name(f".results.duckdb.{os.getpid()}.partial").write_bytes(b"half a file")
    dataset.save({"t": pl.DataFrame({"n": [1]})})
    assert files(dataset) == ["results.duckdb"]


def test_the_connection_writes_nothing(dataset):
    dataset.save({"t": pl.DataFrame({"n": [1]})})
    for query in ("DELETE FROM t", "DROP TABLE t", "CREATE TABLE u AS SELECT 1", "INSERT INTO t VALUES (2)"):
        with pytest.raises(duckdb.Error, match="read-only"):
            dataset.load().execute(query)


def test_python_tables_can_be_joined(dataset):
    dataset.save({"folds": pl.DataFrame({"video_id": ["a", "b"], "fold": [1, 2]})})
    mine = pl.DataFrame({"video_id": ["b"], "note": ["looked at"]})  # noqa: F841 - the query reads it
    assert dataset.load().sql("SELECT fold, note FROM folds JOIN mine USING (video_id)").fetchall() == [
        (2, "looked at")
    ]


@pytest.mark.parametrize("content", [None, b"", b"no database", b"x" * 20_000], ids=["none", "empty", "text", "long"])
def test_a_file_that_is_no_database_is_named(dataset, content):
    if content is not None:
        dataset._filepath.parent.mkdir()
        dataset._filepath.write_bytes(content)
    assert dataset.exists() == (content is not None)
    with pytest.raises(DatasetError, match=r"results\.duckdb cannot be opened"):
        dataset.load()
    if content is not None:
        assert dataset._filepath.read_bytes() == content


def test_a_file_cut_short_is_named(dataset):
    dataset.save({"t": pl.DataFrame({"n": [1]})})
    dataset._filepath.write_bytes(dataset._filepath.read_bytes()[:9_000])
    with pytest.raises(DatasetError, match=r"results\.duckdb cannot be opened"):
        dataset.load()
