"""The folds' partitions of a folder that other files share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro_datasets.partitions import PartitionedDataset

from fvc_kedro.datasets.model_file import ModelDataset, digest_file

_PREFIX = "fold_"


class FoldPartitionsDataset(PartitionedDataset):
    """A ``PartitionedDataset`` of the partitions ``fold_*`` whose save replaces those of its own suffix only.

    ``overwrite: true`` would empty the whole folder, so that the models and the metrics of the folds,
    which share it, would delete each other; ``false`` would leave the folds of an earlier run with more.
    Files of other suffixes and other folders, such as the final model's, are not touched.
    """

    def _list_partitions(self) -> list[str]:
        partitions: list[str] = super()._list_partitions()
        return [path for path in partitions if self._path_to_partition(path).startswith(_PREFIX)]

    @property
    def content_files(self) -> list[Path]:
        """The files that tell the content."""
        return [Path(path) for path in self._list_partitions()]

    @property
    def needed_files(self) -> list[Path]:
        """The files that loading takes."""
        models = self.content_files if issubclass(self._dataset_type, ModelDataset) else []
        return [*self.content_files, *map(digest_file, models)]

    def save(self, data: dict[str, Any]) -> None:
        """Write the partitions, then remove the folds of this suffix that are not among them."""
        super().save(data)
        kept = {self._filesystem._strip_protocol(self._partition_to_path(name)) for name in data}
        for path in self._list_partitions():
            if path not in kept:
                for file in (path, str(digest_file(Path(path)))):
                    if self._filesystem.exists(file):
                        self._filesystem.rm(file)
                folder = self._filesystem._parent(path)
                if not self._filesystem.ls(folder):
                    self._filesystem.rmdir(folder)
        self._invalidate_caches()
