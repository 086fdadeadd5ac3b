"""The project's Kedro datasets: the only place that knows where files lie and how they are named."""

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
