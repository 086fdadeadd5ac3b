import os
import subprocess
from pathlib import Path

import joblib
import pytest
from kedro.io import DatasetError

from fvc_kedro.datasets import ModelDataset
from fvc_kedro.datasets.model_file import digest_file, read_model, write_model


class Malicious:
    """Runs a command when it is unpickled, as any joblib file can."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch '{self.trace}'",)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "model.joblib"


def test_a_model_comes_back(path):
    ModelDataset(filepath=str(path)).save({"support": [1.5]})
    assert ModelDataset(filepath=str(path)).load() == {"support": [1.5]}
    assert joblib.load(path) == {"support": [1.5]}
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.joblib", "model.joblib.sha256"]


def test_the_digest_is_as_sha256sum_reads_it(path):
    write_model(path, 1)
    checked = subprocess.run(
        ["sha256sum", "-c", digest_file(path).name], cwd=path.parent, capture_output=True, check=False
    )
    assert checked.returncode == 0


@pytest.mark.parametrize("had_a_model", [False, True])
def test_a_planted_file_is_refused_before_it_is_read(path, tmp_path, had_a_model):
    if had_a_model:
        write_model(path, 1)
    path.parent.mkdir(exist_ok=True)
    trace = tmp_path / "trace"
    joblib.dump(Malicious(trace), path)
    with pytest.raises(DatasetError, match=r"model\.joblib is not read: .*kedro run --pipelines svm_training"):
        ModelDataset(filepath=str(path)).load()
    assert not trace.exists()
    joblib.load(path)
    assert trace.exists(), "the file would not have done anything"


def test_a_damaged_file_is_refused(path):
    write_model(path, list(range(1000)))
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    with pytest.raises(DatasetError, match="its digest is another"):
        read_model(path)


def test_equal_models_have_equal_files(tmp_path):
    first, second = tmp_path / "1" / "model.joblib", tmp_path / "2" / "model.joblib"
    for path in (first, second):
        write_model(path, {"a": 1, "b": [1.0, 2.0]})
    assert first.read_bytes() == second.read_bytes()
    assert digest_file(first).read_bytes() == digest_file(second).read_bytes()


def test_it_describes_where_it_lies(path):
    assert str(Path(path)) in str(ModelDataset(filepath=str(path)))
    assert not ModelDataset(filepath=str(path)).exists()
