"""Trials done as a run does them, but in this process and in a folder of their own."""

from tempfile import TemporaryDirectory

from fvc_kedro.datasets.trials import TrialsDataset

SERIAL = {"engine": "serial", "workers": -1, "timeout_s": 60, "memory_mb": 4096}


def results_of(batch):
    with TemporaryDirectory() as folder:
        dataset = TrialsDataset(path=folder, batch="test")
        dataset.save(batch)
        return dataset.load()
