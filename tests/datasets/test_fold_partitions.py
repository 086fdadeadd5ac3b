import pytest

from fvc_kedro.datasets import FoldPartitionsDataset


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "svm"


def make(folder, suffix):
    return FoldPartitionsDataset(path=str(folder), filename_suffix=suffix, dataset={"type": "json.JSONDataset"})


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_models_and_metrics_share_a_folder_and_fewer_folds_leave_none_behind(folder):
    models, metrics = make(folder, "/model.json"), make(folder, "/metrics.json")
    (folder / "final").mkdir(parents=True)
    (folder / "final/model.json").write_text("1")
    for n_folds in (3, 2):
        names = [f"fold_{number}" for number in range(1, n_folds + 1)]
        models.save(dict.fromkeys(names, 1))
        metrics.save(dict.fromkeys(names, 2))
    expected = ["final/model.json"] + [f"fold_{n}/{kind}.json" for n in (1, 2) for kind in ("metrics", "model")]
    assert files(folder) == expected
    assert not (folder / "fold_3").exists()
    assert {name: load() for name, load in models.load().items()} == {"fold_1": 1, "fold_2": 1}
    assert {name: load() for name, load in metrics.load().items()} == {"fold_1": 2, "fold_2": 2}
