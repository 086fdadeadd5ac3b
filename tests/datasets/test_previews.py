"""What kedro viz shows of a dataset before and after there is something to show."""

import inspect

import polars as pl
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure

from fvc_kedro.datasets import FiguresDataset, ManifestDataset, PlotDataset, TableDataset

MADE = {
    "TablePreview": (
        lambda path: TableDataset(filepath=path, file_format="parquet"),
        pl.DataFrame({"a": range(7)}),
        lambda preview: len(preview["data"]) == 5,
    ),
    "JSONPreview": (
        lambda path: FiguresDataset(filepath=path),
        {"roc_auc": 0.5},
        lambda preview: preview == '{"roc_auc": 0.5}',
    ),
    "ImagePreview": (
        lambda path: PlotDataset(filepath=path + ".png"),
        Figure(),
        lambda preview: preview.startswith("iVBOR"),
    ),
}


@pytest.mark.parametrize("kind", MADE)
def test_there_is_a_preview_as_soon_as_there_is_a_file(tmp_path, kind):
    make, content, is_right = MADE[kind]
    dataset = make(str(tmp_path / "content"))
    assert dataset.preview() is None
    dataset.save(content)
    assert is_right(dataset.preview())
    # kedro viz goes by the name of what is returned.
    assert inspect.signature(dataset.preview).return_annotation == kind


def test_a_manifest_is_shown_as_soon_as_it_is_there(tmp_path):
    dataset = ManifestDataset(filepath=str(tmp_path / "manifest.csv"))
    assert dataset.preview() is None
    dataset.save(pl.DataFrame({"video_path": ["a.mp4"], "label": ["real"], "group": ["007"]}))
    assert dataset.preview()["data"] == [["a.mp4", "real", "007", tmp_path.name]]


def test_a_damaged_file_is_no_missing_one(tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"damaged")
    with pytest.raises(DatasetError):
        TableDataset(filepath=str(tmp_path / "table.parquet"), file_format="parquet").preview()
