import json
import shutil
from pathlib import Path

import joblib
import polars as pl
import pytest
import yaml

from conftest import REPOSITORY, TINY
from fvc_kedro.forensics import columns_of
from fvc_kedro.learning.folds import assert_disjoint
from fvc_kedro.pipelines.reporting.plots import PLOTS

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())

TABLES = (
    "02_intermediate/checked_manifest",
    "02_intermediate/corpus_index",
    "02_intermediate/rejected_videos",
    "03_primary/scaled_metadata",
    "04_feature/failed_scaled_videos",
    "04_feature/failed_videos",
    "04_feature/features_metadata",
    "04_feature/segment_features",
    "04_feature/scaled_features",
    "05_model_input/folds",
    "05_model_input/training_table",
    "06_models/svm/grid_search",
    "07_model_output/cv_metrics",
    "07_model_output/method_predictions",
    "07_model_output/oof_predictions",
    "07_model_output/thresholds",
    "08_reporting/family_ablation",
    "08_reporting/family_importance",
    "08_reporting/learning_curve",
    "08_reporting/method_comparison",
    "08_reporting/method_tests",
    "08_reporting/mistakes",
    "08_reporting/permutation_test",
    "08_reporting/slices",
)


def table(parameters, name):
    return pl.read_parquet(Path(parameters["data_root"]) / f"{name}.parquet")


@pytest.fixture
def copied(tiny_run, tmp_path):
    """Parameters of the tiny run, with its results in a folder of their own."""
    shutil.copytree(tiny_run["data_root"], tmp_path / "out", ignore=shutil.ignore_patterns("mlartifacts"))
    return tiny_run | {"data_root": str(tmp_path / "out")}


def bytes_of_tables(root):
    return {name: (Path(root) / f"{name}.parquet").read_bytes() for name in TABLES}


def test_every_video_of_the_corpus_is_indexed_measured_scaled_and_predicted(tiny_run):
    for name in ("02_intermediate/corpus_index", "04_feature/features_metadata", "03_primary/scaled_metadata"):
        assert table(tiny_run, name)["video_id"].n_unique() == 12
    predictions = table(tiny_run, "07_model_output/oof_predictions")
    assert [part["video_id"].n_unique() for part in predictions.partition_by("repeat")] == [12, 12]
    assert len(predictions) == 24
    assert predictions.equals(predictions.sort("repeat", "video_id"))
    assert predictions.select("margin", "probability", "whole_picture").null_count().sum_horizontal().item() == 0


def test_the_default_run_warns_of_nothing(watched_tiny_run):
    assert watched_tiny_run[1] == []


def test_blur_is_told_from_sharpness(tiny_run):
    summary = json.loads((Path(tiny_run["data_root"]) / "08_reporting/summary.json").read_text())
    assert summary["roc_auc"] > 0.95
    assert summary["n_videos"] == 12
    assert summary["n_groups"] == 6


def test_folds_keep_groups_whole(tiny_run):
    repeats = table(tiny_run, "05_model_input/folds")
    assert repeats["repeat"].unique().sort().to_list() == [1, 2]
    for repeat, numbers in ((1, [1, 2, 3]), (2, [4, 5, 6])):
        folds = repeats.filter(pl.col("repeat") == repeat)
        assert folds["fold"].unique().sort().to_list() == numbers
        for fold in numbers:
            test = (folds["fold"] == fold).to_numpy()
            assert_disjoint(folds["group"].to_numpy().astype(str), (~test).nonzero()[0], test.nonzero()[0])
    predictions = table(tiny_run, "07_model_output/oof_predictions")
    keys = ["video_id", "label", "group", "corpus", "repeat", "fold"]
    assert predictions.select(keys).equals(repeats.select(keys).sort("repeat", "video_id"))


def test_metrics_and_searches_are_those_of_the_folds_of_all_repeats(tiny_run):
    metrics, searches = table(tiny_run, "07_model_output/cv_metrics"), table(tiny_run, "06_models/svm/grid_search")
    assert metrics.select("repeat", "fold").rows() == [(1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (2, 6)]
    assert (metrics["n_train"] + metrics["n_test"]).to_list() == [12] * 6
    chosen = searches.filter("chosen").sort("fold", nulls_last=True)
    assert chosen["fold"].to_list() == [1, 2, 3, 4, 5, 6, None]
    assert (
        chosen.head(6).select("repeat", "fold", "kernel", "C").equals(metrics.select("repeat", "fold", "kernel", "C"))
    )
    grid = PARAMETERS["svm"]["grid"]
    assert len(searches) == 7 * (len(grid["C"]) + len(grid["rbf_C"]))


def test_fold_models_are_whole_scikit_learn_objects(tiny_run):
    features = table(tiny_run, "04_feature/features_metadata")
    root = Path(tiny_run["data_root"]) / "06_models/svm"
    for folder in ("fold_1", "fold_2", "fold_3", "final"):
        model = joblib.load(root / folder / "model.joblib")
        assert model.predict_proba(features).shape == (12, 2)
        assert {name: list(columns) for name, columns in model.experts.items()} == {
            name: columns_of(parts) for name, parts in PARAMETERS["svm"]["experts"].items()
        }
        assert set(model.feature_names_in_) == {name for columns in model.experts.values() for name in columns}
        assert set(model.feature_names_in_) < set(features.columns)
    assert not (root / "fold_4").exists()
    for fold in (1, 2, 3):
        metrics = json.loads((root / f"fold_{fold}" / "metrics.json").read_text())
        assert {"f1_score", "roc_auc", "brier", "C", "kernel", "n_train", "n_test"} <= set(metrics)


def test_plots_are_written(tiny_run):
    folder = Path(tiny_run["data_root"]) / "08_reporting"
    expected = {f"{name.removesuffix('_plot')}.png" for name in PLOTS}
    assert {path.name for path in folder.glob("*.png")} == expected
    assert len(expected) == 16
    assert all((folder / name).stat().st_size > 3000 for name in expected - {"corpus_matrix.png"})  # of one corpus


def test_two_runs_give_equal_bytes_on_one_worker_and_on_two(tiny_run, tmp_path, run_pipeline):
    parameters = tiny_run | {"data_root": str(tmp_path), "execution": {"engine": "local", "workers": 2}}
    run_pipeline(**parameters)
    assert bytes_of_tables(tmp_path) == bytes_of_tables(tiny_run["data_root"])
    first, second = (Path(root) / "06_models/svm/final/model.joblib" for root in (tiny_run["data_root"], tmp_path))
    features = table(tiny_run, "04_feature/features_metadata")
    assert (joblib.load(first).predict_proba(features) == joblib.load(second).predict_proba(features)).all()


def test_a_second_run_makes_and_measures_nothing_again(tiny_run, run_pipeline):
    root = Path(tiny_run["data_root"])
    kept = [*root.rglob("measurements/*/*.json"), *root.rglob("scaled_videos/*.mp4"), *root.rglob("*_inspections/*/*")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    assert len(before) >= 36
    run_pipeline("ingestion", "feature_engineering", "scaling", **tiny_run)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_fewer_folds_leave_no_stale_ones(copied, run_pipeline):
    run_pipeline("svm_training", **(copied | {"svm": {"n_folds": 2}}))
    root = Path(copied["data_root"]) / "06_models/svm"
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("fold_*/*"))
    names = ("metrics.json", "model.joblib", "model.joblib.sha256")
    assert found == [f"fold_{fold}/{name}" for fold in (1, 2) for name in names]
    assert (root / "final/model.joblib").exists()


def test_training_makes_no_scaled_copies(tiny_corpus, tmp_path, run_pipeline):
    parameters = TINY | {"corpus_manifest": str(tiny_corpus), "data_root": str(tmp_path)}
    run_pipeline("ingestion", "feature_engineering", "svm_training", **parameters)
    assert not (tmp_path / "03_primary").exists()
    assert not [path for path in tmp_path.rglob("*") if "scaled" in path.name]
    assert joblib.load(tmp_path / "06_models/svm/final/model.joblib").experts_["whole_picture"] is not None


def test_copies_are_made_by_default_and_measured_where_they_are_trained_on(copied, run_pipeline):
    root = Path(copied["data_root"])
    assert len(list(root.glob("03_primary/scaled_videos/*.mp4"))) == 12
    measured = root / "04_feature/scaled_measurements"
    assert not list(measured.glob("*/*"))
    assert table(copied, "04_feature/scaled_features").is_empty()
    assert table(copied, "04_feature/failed_scaled_videos").is_empty()
    both = copied | {"svm": TINY["svm"] | {"feature_sets": ["original", "scaled"]}}
    with pytest.raises(Exception, match=r"no scaled copy was measured: kedro run --pipelines scaling"):
        run_pipeline("svm_training", **both)
    run_pipeline("scaling", "svm_training", **both)
    assert len(table(copied, "04_feature/scaled_features")) == 12
    assert list(measured.glob("*/*"))
    columns = table(copied, "05_model_input/training_table").columns
    assert {"temporal_difference_mean", "scaled_edge_density"} < set(columns)
    evidence = table(copied, "07_model_output/oof_predictions")["scaled_copy"]
    assert evidence.null_count() == 0
    detector = joblib.load(root / "06_models/svm/final/model.joblib")
    assert set(detector.experts["scaled_copy"]) == {name for name in columns if name.startswith("scaled_")}


def test_a_second_training_computes_nothing_again(copied, run_pipeline):
    def kept():
        return {path: path.stat().st_mtime_ns for path in Path(copied["data_root"]).rglob("trials/*/*.joblib")}

    before, model = kept(), Path(copied["data_root"]) / "06_models/svm/fold_1/model.joblib"
    assert len(before) >= 7
    model.unlink()
    run_pipeline("svm_training", **copied)
    assert kept() == before
    assert model.exists()


def test_a_run_writes_only_under_its_data_root(tiny_corpus, tmp_path, project, run_pipeline):
    def tree(folder):
        return {path.as_posix() for path in folder.rglob("*") if ".viz" not in path.parts}

    before = tree(project), tree(tiny_corpus.parent)
    run_pipeline("ingestion", corpus_manifest=str(tiny_corpus), data_root=str(tmp_path), **TINY)
    assert (tree(project), tree(tiny_corpus.parent)) == before
    assert (tmp_path / "mlflow.db").exists()


def test_broken_videos_cost_only_themselves(tiny_corpus, tmp_path, run_pipeline):
    shutil.copytree(tiny_corpus.parent, tmp_path / "corpus")
    videos = tmp_path / "corpus/videos"
    whole = (videos / "0_real.mp4").read_bytes()
    (videos / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "text.mp4").write_text("not a video")
    (videos / "twin.mp4").write_bytes(whole)
    with (tmp_path / "corpus/manifest.csv").open("a") as manifest:
        for name in ("cut", "empty", "text", "absent"):
            manifest.write(f"videos/{name}.mp4,fake,group 0\n")
        manifest.write("videos/twin.mp4,real,group 5\n../../outside.mp4,fake,group 1\nvideos/x.mp4,parody,group 1\n")
    parameters = {"corpus_manifest": str(tmp_path / "corpus/manifest.csv"), "data_root": str(tmp_path / "out"), **TINY}
    run_pipeline("ingestion", "feature_engineering", **parameters)
    rejected = dict(table(parameters, "02_intermediate/rejected_videos").select("video_path", "reason").iter_rows())
    assert len(rejected) == 7
    for path, word in (
        ("videos/cut.mp4", "not a video that can be opened"),
        ("videos/empty.mp4", "empty"),
        ("videos/text.mp4", "not a video"),
        ("videos/absent.mp4", "missing"),
        ("videos/twin.mp4", "duplicate"),
        ("../../outside.mp4", "outside the corpus folder"),
        ("videos/x.mp4", "parody"),
    ):
        assert word in rejected[path]
    assert len(table(parameters, "04_feature/features_metadata")) == 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("video_path,label\na.mp4,real\nb.mp4,fake\n", "every_video_stands_alone=true"),
        ("video_path,label,group\na.mp4,real,1\nb.mp4,real,2\n", "both classes are needed"),
        ("video_path,label,group\na.mp4,real,1\nb.mp4,fake,2\n", "2 groups, too few to cross-validate"),
        ('video_path,label,group\n"a.mp4,real,1\n', "."),
        ("", "is empty: its first line must be video_path"),
    ],
)
def test_a_wrong_manifest_stops_the_run_with_a_remedy(content, message, tmp_path, run_pipeline):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(content)
    with pytest.raises(Exception, match=message):
        run_pipeline(corpus_manifest=str(manifest), data_root=str(tmp_path / "out"), **TINY)
    assert not (tmp_path / "out/04_feature").exists()


@pytest.mark.parametrize(
    ("svm", "message"),
    [
        ({"n_folds": 1}, r"svm\.n_folds.*got 1"),
        ({"families": ["noise"]}, r"svm\.families: .* any more; svm\.experts names"),
        ({"search": {"n_folds": 3}}, r"svm\.search\.n_folds: .* any more; svm\.n_inner_folds"),
        ({"experts": {"face": ["region.mouth"]}}, r"svm\.experts\.face.*unknown parts \['region\.mouth'\]"),
    ],
)
def test_wrong_parameters_stop_the_run(svm, message, tmp_path, run_pipeline):
    with pytest.raises(Exception, match=message):
        run_pipeline(data_root=str(tmp_path), svm=svm)
    assert not (tmp_path / "02_intermediate").exists()


def test_missing_inputs_name_the_pipeline_that_makes_them(tmp_path, run_pipeline):
    with pytest.raises(FileNotFoundError, match="kedro run --pipelines feature_engineering"):
        run_pipeline("svm_training", data_root=str(tmp_path))
    with pytest.raises(FileNotFoundError, match="kedro run --pipelines sample_corpus"):
        run_pipeline("ingestion")
    with pytest.raises(FileNotFoundError, match="nothing lies at"):
        run_pipeline("ingestion", corpus_manifest=str(tmp_path / "absent.csv"))


def test_parts_are_ablated_in_a_run(copied, run_pipeline):
    experts = dict.fromkeys(PARAMETERS["svm"]["experts"]) | {"noise": ["noise"], "blocks": ["blockiness", "dct"]}
    svm = {"n_folds": 3, "n_repeats": 2, "experts": experts, "grid": {"C": [1], "kernel": ["linear"]}}
    evaluation = {"n_bootstrap": 100, "n_permutations": 3, "max_rows": 100, "learning_curve": [0.6]}
    parameters = copied | {"svm": svm, "evaluation": evaluation}
    run_pipeline("svm_training", "evaluation", "reporting", **parameters)
    assert table(parameters, "07_model_output/oof_predictions").columns[9:] == ["noise", "blocks"]
    ablation = table(parameters, "08_reporting/family_ablation")
    assert set(ablation.filter(pl.col("kind") == "left out")["features"]) == {"noise", "blocks"}
    # A choice that no group has values for is left out, as the faces of the tiny corpus are.
    never_missing = set(PARAMETERS["features"]["families"]) - {"region"}
    assert set(ablation.filter(pl.col("kind") == "alone")["features"]) >= never_missing | {"blocks"}
    assert len(table(parameters, "08_reporting/permutation_test")) == 4
    assert not table(parameters, "08_reporting/learning_curve").is_empty()
    sharpness = ablation.filter((pl.col("features") == "sharpness") & (pl.col("kind") == "alone"))
    assert sharpness["roc_auc"].item() > 0.95  # the tiny corpus tells sharp from blurred
    assert (Path(parameters["data_root"]) / "08_reporting/family_ablation.png").stat().st_size > 10_000


def test_segments_are_measured_and_averaged(tiny_run):
    segments, videos = table(tiny_run, "04_feature/segment_features"), table(tiny_run, "04_feature/features_metadata")
    assert segments.group_by("video_id").len()["len"].unique().to_list() == [2]
    assert segments["segment"].to_list() == [0, 1] * 12
    first = segments.filter(pl.col("segment") == 0)
    assert first["start_s"].unique().to_list() == [0]
    assert first["end_s"].to_list() == pytest.approx([0.24] * 12)
    means = segments.group_by("video_id", maintain_order=True).agg(pl.col("noise_level_mean").mean())
    assert means["noise_level_mean"].to_list() == pytest.approx(videos["noise_level_mean"].to_list())
    training_table = table(tiny_run, "05_model_input/training_table")
    assert training_table.select("video_id", "segment").equals(segments.select("video_id", "segment"))
    assert len(table(tiny_run, "05_model_input/folds").filter(repeat=1)) == 12
