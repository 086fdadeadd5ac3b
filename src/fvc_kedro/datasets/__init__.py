"""The project's Kedro datasets: the only place that knows where files lie and how they are named.

A dataset is imported when it is asked for: that of the trials takes scikit-learn, that of the plots matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fvc_kedro.datasets.duckdb_file import DuckDbDataset
    from fvc_kedro.datasets.fold_partitions import FoldPartitionsDataset
    from fvc_kedro.datasets.fvc_lists import FvcListsDataset
    from fvc_kedro.datasets.lineage import LineageDataset
    from fvc_kedro.datasets.made_videos import MadeVideosDataset
    from fvc_kedro.datasets.manifest import ManifestDataset
    from fvc_kedro.datasets.model_file import ModelDataset
    from fvc_kedro.datasets.optional_table import OptionalTableDataset
    from fvc_kedro.datasets.plot import PlotDataset
    from fvc_kedro.datasets.records import RecordsDataset
    from fvc_kedro.datasets.report import ReportDataset
    from fvc_kedro.datasets.table import FiguresDataset, TableDataset
    from fvc_kedro.datasets.trials import TrialsDataset
    from fvc_kedro.datasets.video_folder import VideoFolder, VideoFolderDataset

__all__ = [
    "DuckDbDataset",
    "FiguresDataset",
    "FoldPartitionsDataset",
    "FvcListsDataset",
    "LineageDataset",
    "MadeVideosDataset",
    "ManifestDataset",
    "ModelDataset",
    "OptionalTableDataset",
    "PlotDataset",
    "RecordsDataset",
    "ReportDataset",
    "TableDataset",
    "TrialsDataset",
    "VideoFolder",
    "VideoFolderDataset",
]

_MODULES = {
    "DuckDbDataset": "duckdb_file",
    "FiguresDataset": "table",
    "FoldPartitionsDataset": "fold_partitions",
    "FvcListsDataset": "fvc_lists",
    "LineageDataset": "lineage",
    "MadeVideosDataset": "made_videos",
    "ManifestDataset": "manifest",
    "ModelDataset": "model_file",
    "OptionalTableDataset": "optional_table",
    "PlotDataset": "plot",
    "RecordsDataset": "records",
    "ReportDataset": "report",
    "TableDataset": "table",
    "TrialsDataset": "trials",
    "VideoFolder": "video_folder",
    "VideoFolderDataset": "video_folder",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
