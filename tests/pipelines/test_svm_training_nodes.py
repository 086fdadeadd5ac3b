"""The training nodes called as plain functions, with canaries."""

import numpy as np
import polars as pl
import pytest
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from conftest import REPOSITORY
from fvc_kedro.forensics import feature_names
from fvc_kedro.pipelines.svm_training import nodes
from fvc_kedro.pipelines.training_rows import TrainingDataError

SVM = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())["svm"] | {"families": ["bitstream"]}
NAMES = feature_names(["bitstream"])  # nine columns to put made-up numbers into


def features(n_groups=20, a_group=6, separation=1.0, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.tile(["real", "fake"], n_groups * a_group // 2)
    values = generator.normal(size=(len(labels), len(NAMES)))
    values[:, 0] += np.where(labels == "fake", separation, -separation)
    return pl.DataFrame(
        {
            "video_id": [f"v{number:04d}" for number in range(len(labels))],
            "label": labels,
            "group": np.repeat([f"g{number}" for number in range(n_groups)], a_group),
            **{name: values[:, number] for number, name in enumerate(NAMES)},
        }
    )


def scaled(table):
    return table.select("video_id"), table.select(
        "video_id", "label", "group", pl.col(NAMES[0]).alias("scaled_f0"), pl.col(NAMES[1]).alias("scaled_f1")
    )


def segments(table, counts=(1,)):
    """Cut each video into so many equal segments."""
    index = np.repeat(np.arange(len(table)), np.resize(counts, len(table)))
    numbers = np.concatenate([np.arange(count) for count in np.resize(counts, len(table))])
    return (
        table[index.tolist()]
        .insert_column(3, pl.Series("segment", numbers))
        .with_columns(start_s=pl.col("segment") * 3.0, end_s=pl.col("segment") * 3.0 + 3)
    )


def train(table, counts=(1,), **changes):
    svm = SVM | changes
    training_table = nodes.assemble_training_table(segments(table, counts), table, *scaled(table), svm)
    folds = nodes.make_folds(training_table, svm)
    grid = nodes.search_folds(training_table, folds, svm)
    models = nodes.train_fold_models(training_table, folds, grid, svm)
    loaders = {name: lambda model=model: model for name, model in models.items()}
    return folds, grid, models, nodes.predict_out_of_fold(training_table, folds, loaders)


def auc(predictions, column="probability"):
    return roc_auc_score(predictions["label"] == "fake", predictions[column])


@pytest.fixture(scope="module")
def trained():
    return train(features())


def test_every_video_is_judged_once_by_a_model_that_has_not_seen_its_group(trained):
    folds, _, models, predictions = trained
    assert list(models) == [f"fold_{number}" for number in range(1, 6)]
    assert predictions["video_id"].to_list() == features()["video_id"].to_list()
    assert folds.group_by("repeat", "group").agg(pl.col("fold").n_unique())["fold"].max() == 1
    assert np.isfinite(predictions.select("margin", "probability").to_numpy()).all()


def test_separated_classes_are_told_apart(trained):
    assert auc(train(features(separation=2.0))[3]) > 0.95


def test_metrics_of_the_folds(trained):
    _, grid, _, predictions = trained
    fold_metrics, cv_metrics = nodes.evaluate_folds(predictions, grid)
    assert list(fold_metrics) == [f"fold_{number}" for number in range(1, 6)]
    names = {"accuracy", "precision", "recall", "f1_score", "roc_auc", "average_precision", "log_loss", "brier"}
    names |= {"balanced_accuracy", "real_recall", "fake_f1_score", "C", "kernel", "n_train", "n_test"}
    assert names <= set(fold_metrics["fold_1"])
    assert {"fold", "test_f1", "test_accuracy", "test_roc_auc", "test_brier"} <= set(cv_metrics.columns)
    assert cv_metrics["n_test"].sum() == len(predictions)
    tested = predictions.filter(pl.col("fold") == 2)
    assert fold_metrics["fold_2"]["roc_auc"] == pytest.approx(auc(tested))
    assert fold_metrics["fold_2"]["accuracy"] == pytest.approx((tested["label"] == tested["predicted"]).mean())


def test_each_search_has_a_scope_of_its_own(trained):
    grid = trained[1]
    assert grid["scope"].unique(maintain_order=True).to_list() == [*(f"fold_{n}" for n in range(1, 6)), "all"]
    assert grid.group_by("scope").len()["len"].unique().to_list() == [6]


def test_the_global_search_is_made_once():
    grid = train(features(), search=SVM["search"] | {"mode": "global"})[1]
    assert grid["scope"].unique().to_list() == ["all"]


def test_the_number_of_folds_is_a_parameter():
    assert list(train(features(), n_folds=3)[2]) == ["fold_1", "fold_2", "fold_3"]


def test_equal_inputs_give_equal_results(trained):
    again = train(features())
    assert again[1].equals(trained[1])
    assert again[3].equals(trained[3])


@pytest.mark.parametrize(
    ("chosen", "columns"),
    [
        (["original"], NAMES),
        (["scaled"], ["scaled_f0", "scaled_f1"]),
        (["original", "scaled"], [*NAMES, "scaled_f0", "scaled_f1"]),
    ],
)
def test_feature_sets_are_joined_by_video(chosen, columns):
    table = features()
    metadata, scaled_features = scaled(table)
    joined = nodes.assemble_training_table(
        segments(table, [2]),
        table,
        metadata.reverse(),
        scaled_features.sample(fraction=1, shuffle=True, seed=1),
        SVM | {"feature_sets": chosen},
    )
    assert joined.columns == ["video_id", "label", "group", "segment", *columns]
    assert joined.select("video_id", "segment").rows() == [(v, s) for v in table["video_id"] for s in (0, 1)]
    assert joined[columns[0]].to_list() == np.repeat(table[NAMES[0]].to_numpy(), 2).tolist()


def test_the_unit_is_a_parameter():
    table = features()
    by_segment, by_video = (
        nodes.assemble_training_table(segments(table, [3]), table, *scaled(table), SVM | {"unit": unit})
        for unit in ("segment", "video")
    )
    assert len(by_segment) == 3 * len(by_video) == 3 * len(table)
    assert by_video["segment"].unique().to_list() == [0]
    assert by_video.select(NAMES).equals(table.select(NAMES))


def test_videos_are_judged_whole_whatever_the_unit():
    table = features()
    for unit in ("segment", "video"):
        folds, grid, _, predictions = train(table, counts=[1, 4, 2], unit=unit)
        assert predictions["video_id"].to_list() == table["video_id"].to_list()
        assert folds.filter(repeat=1)["video_id"].to_list() == table["video_id"].to_list()
        assert nodes.evaluate_folds(predictions, grid)[1]["n_test"].sum() == len(table)
        assert auc(predictions) > 0.8


def test_equal_segments_give_the_margins_of_one(trained):
    equal = train(features(), counts=[3], grid={"C": [1], "kernel": ["linear"]})[3]
    once = train(features(), grid={"C": [1], "kernel": ["linear"]})[3]
    assert np.corrcoef(equal["margin"], once["margin"])[0, 1] > 0.99


def test_features_that_were_not_measured_are_named():
    table = features()
    with pytest.raises(TrainingDataError, match=r"noise_autocorrelation_jump.*feature_engineering"):
        nodes.assemble_training_table(
            segments(table), table, *scaled(table), SVM | {"families": ["bitstream", "noise"]}
        )


def test_videos_that_were_not_scaled_are_left_out():
    table = features()
    metadata, scaled_features = scaled(table)
    joined = nodes.assemble_training_table(segments(table), table, metadata.tail(-5), scaled_features, SVM)
    assert joined["video_id"].to_list() == table["video_id"].to_list()[5:]


def test_a_key_that_stands_twice_is_an_error():
    table = features()
    with pytest.raises(TrainingDataError, match="twice in features_metadata"):
        nodes.assemble_training_table(segments(table), pl.concat([table, table.head(1)]), *scaled(table), SVM)


def test_a_segment_that_stands_twice_is_an_error():
    table = features()
    with pytest.raises(TrainingDataError, match="video_id and segment stands twice in segment_features"):
        nodes.assemble_training_table(pl.concat([segments(table)] * 2), table, *scaled(table), SVM)


def test_one_class_is_an_error():
    table = features().filter(pl.col("label") == "fake")
    with pytest.raises(TrainingDataError, match="both classes"):
        nodes.assemble_training_table(segments(table), table, *scaled(table), SVM)


def test_folds_of_another_table_are_an_error(trained):
    table = features(n_groups=10)
    with pytest.raises(TrainingDataError, match="other videos"):
        nodes.search_folds(segments(table), trained[0], SVM)


def copied_noise(n_groups=40, copies=10, seed=3):
    """Random vectors, each in the table as a clip and its slightly changed copies, labels by clip."""
    generator = np.random.default_rng(seed)
    clips = generator.normal(size=(n_groups, len(NAMES)))
    values = np.repeat(clips, copies, axis=0) + 0.05 * generator.normal(size=(n_groups * copies, len(NAMES)))
    y = np.repeat(generator.permutation(np.arange(n_groups) % 2), copies)
    return values, y, np.repeat(np.arange(n_groups), copies)


def test_canary_the_naive_protocol_sings():
    values, y, _ = copied_noise()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = HistGradientBoostingClassifier(max_iter=40)
    scores = cross_val_predict(model, values, y, cv=folds, method="predict_proba")[:, 1]
    assert roc_auc_score(y, scores) > 0.9


def test_canary_grouped_folds_give_chance_for_copied_noise():
    values = []
    for seed in range(4):
        noise, y, groups = copied_noise(seed=seed)
        table = pl.DataFrame(noise, schema=NAMES).insert_column(0, pl.Series("group", groups.astype(str)))
        table.insert_column(0, pl.Series("label", np.where(y == 1, "fake", "real")))
        table.insert_column(0, pl.Series("video_id", [f"v{number:04d}" for number in range(len(y))]))
        svm = SVM | {"search": SVM["search"] | {"min_videos": 100}, "grid": {"C": [1], "kernel": ["linear", "rbf"]}}
        metadata, scaled_features = table.select("video_id"), table.select("video_id", "label", "group")
        training_table = nodes.assemble_training_table(segments(table), table, metadata, scaled_features, svm)
        folds = nodes.make_folds(training_table, svm)
        models = nodes.train_fold_models(training_table, folds, nodes.search_folds(training_table, folds, svm), svm)
        loaders = {name: lambda model=model: model for name, model in models.items()}
        values.append(auc(nodes.predict_out_of_fold(training_table, folds, loaders)))
    assert abs(np.mean(values) - 0.5) < 0.15


def test_canary_permuted_labels_give_chance():
    generator = np.random.default_rng(0)
    values = []
    for seed in range(6):
        table = features(separation=2.0, seed=seed)
        shuffled = table.with_columns(label=pl.Series(generator.permutation(table["label"].to_numpy())))
        values.append(auc(train(shuffled, grid={"C": [1], "kernel": ["linear"]})[3]))
    assert abs(np.mean(values) - 0.5) < 0.1


def test_folds_are_those_of_scikit_learn():
    table = features()
    y, groups = (table["label"] == "fake").to_numpy(), table["group"].to_numpy()
    folds = nodes.make_folds(table, SVM)
    assert folds["repeat"].unique().sort().to_list() == [1, 2, 3]
    for repeat in (1, 2, 3):
        expected = StratifiedGroupKFold(5, shuffle=True, random_state=SVM["seed"] + repeat - 1)
        numbers = folds.filter(repeat=repeat)["fold"].to_numpy()
        for number, (_, test) in enumerate(expected.split(y, y, groups), start=1):
            assert np.flatnonzero(numbers == number).tolist() == test.tolist()
