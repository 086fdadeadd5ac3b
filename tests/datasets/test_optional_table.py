import polars as pl
import pytest
from kedro.io import DatasetError

from fvc_kedro.datasets import OptionalTableDataset


@pytest.fixture
def dataset(tmp_path):
    return OptionalTableDataset(filepath=str(tmp_path / "table.parquet"), file_format="parquet")


def test_a_table_that_nobody_has_written_is_empty_and_no_missing_input(dataset, tmp_path):
    assert dataset.exists()
    assert dataset.load().shape == (0, 0)
    assert not list(tmp_path.iterdir())


def test_a_written_table_is_loaded_as_it_is(dataset):
    table = pl.DataFrame({"video_id": ["a", "b"], "value": [1.0, None]})
    dataset.save(table)
    assert dataset.load().equals(table)


def test_a_damaged_table_is_an_error_and_not_an_empty_one(dataset, tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"damaged")
    with pytest.raises(DatasetError):
        dataset.load()
