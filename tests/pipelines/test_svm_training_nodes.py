"""The training nodes called as plain functions, with canaries."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from evaluations import COLUMNS, PARAMETERS, key_table, segments_of, training_of
from evaluations import SVM as TWO_EXPERTS
from evaluations import train as train_on
from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.folds import TooFewGroupsError
from fvc_kedro.parameters import SCALED_EXPERT, SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS
from fvc_kedro.pipelines.svm_training import nodes
from fvc_kedro.pipelines.training_rows import (
    TrainingDataError,
    detector_of,
    draw_folds,
    rows_of,
)
from trials import SERIAL

SVM = PARAMETERS["svm"] | {"experts": {"stream": ["bitstream"]}, "n_repeats": 2}
NAMES = feature_names(["bitstream"])  # nine columns to put made-up numbers into
ONE_POINT = {"C": [1], "rbf_C": [1], "kernel": ["linear"]}
NOT_SCALED = pl.DataFrame()


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
            "corpus": "one",
            **{name: values[:, number] for number, name in enumerate(NAMES)},
        }
    )


def scaled(table):
    return table.select(*KEY_COLUMNS, pl.col(NAMES[0]).alias("scaled_f0"), pl.col(NAMES[1]).alias("scaled_f1"))


def segments(table, counts=(1,)):
    """Cut each video into so many equal segments."""
    index = np.repeat(np.arange(len(table)), np.resize(counts, len(table)))
    numbers = np.concatenate([np.arange(count) for count in np.resize(counts, len(table))])
    return (
        table[index.tolist()]
        .insert_column(4, pl.Series("segment", numbers))
        .with_columns(start_s=pl.col("segment") * 3.0, end_s=pl.col("segment") * 3.0 + 3)
    )


def assemble(table, scaled_features=NOT_SCALED, counts=(1,), **changes):
    return nodes.assemble_training_table(segments(table, counts), scaled_features, SVM | changes)


def train(table, scaled_features=NOT_SCALED, counts=(1,), **changes):
    return train_on(assemble(table, scaled_features, counts, **changes), SVM | changes)


def auc(predictions, column="probability"):
    return roc_auc_score(predictions["label"] == "fake", predictions[column])


@pytest.fixture(scope="module")
def trained():
    return train(features())


@pytest.fixture(scope="module")
def two_experts():
    """One of the two experts abstains on every third video."""
    table = training_of(segments_of(key_table(), separation=0.3))
    missing = pl.col("video_id").is_in(key_table()["video_id"].gather_every(3).implode())
    return train_on(table.with_columns(pl.when(~missing).then(pl.col(feature_names(["bitstream"])))), TWO_EXPERTS)


def test_every_video_is_judged_once_a_repeat_by_a_model_that_has_not_seen_its_group(trained):
    videos = features()["video_id"].to_list()
    assert list(trained.models) == [f"fold_{number}" for number in range(1, 6)]
    assert trained.predictions.select("repeat", "video_id").rows() == [(r, v) for r in (1, 2) for v in videos]
    assert trained.folds.group_by("repeat", "group").agg(pl.col("fold").n_unique())["fold"].max() == 1
    assert np.isfinite(trained.predictions.select("margin", "probability").to_numpy()).all()
    drawn = trained.folds.sort("repeat", "video_id").select("repeat", "video_id", "fold")
    assert trained.predictions.select("repeat", "video_id", "fold").equals(drawn)


def test_a_fold_model_is_the_one_that_scored_the_videos_of_its_fold(trained):
    for name, model in trained.models.items():
        tested = trained.predictions.filter(pl.col("fold") == int(name.removeprefix("fold_")))
        own = trained.table.filter(pl.col("video_id").is_in(tested["video_id"].implode()))
        scores = model.score_videos(own, own["video_id"].to_numpy().astype(str))
        assert scores["margin"].to_list() == tested["margin"].to_list()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_nothing_of_the_groups_of_a_fold_is_in_the_model_of_that_fold(two_experts, number):
    """What a video of the fold looks like, and what any video of its group does, changes nothing in the model."""
    groups = two_experts.folds.filter(fold=number)["group"].unique()
    inside = pl.col("group").is_in(groups.implode())
    changed = two_experts.table.with_columns(
        pl.when(inside).then(1 - 5 * pl.col(name)).otherwise(pl.col(name)).alias(name) for name in COLUMNS
    )
    again = train_on(changed, TWO_EXPERTS)
    videos = two_experts.table["video_id"].to_numpy().astype(str)
    for name in two_experts.models:
        first, second = (one.models[name].score_videos(two_experts.table, videos) for one in (two_experts, again))
        assert first.equals(second) == (name == f"fold_{number}")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["real", "fake"]), min_size=1, max_size=3), min_size=3, max_size=12),
    st.integers(2, 4),
    st.integers(1, 3),
    st.sampled_from(["auto", "stratified_groups", "leave_one_group_out"]),
)
def test_a_fold_number_names_the_videos_of_one_repeat(labels_of_group, n_folds, n_repeats, outer):
    keys = pl.DataFrame(
        [
            (f"v{group}_{number}", label, f"g{group}", "one")
            for group, labels in enumerate(labels_of_group)
            for number, label in enumerate(labels)
        ],
        schema=["video_id", "label", "group", "corpus"],
        orient="row",
    )
    parameters = SVM | {"n_folds": n_folds, "n_repeats": n_repeats, "outer": outer}
    try:
        folds = draw_folds(keys, SvmParameters.model_validate(parameters))
    except TooFewGroupsError:
        reject()
    numbers = folds["fold"].unique().sort().to_list()
    assert numbers == list(range(1, len(numbers) + 1))
    assert folds.group_by("fold").agg(pl.col("repeat").n_unique())["repeat"].max() == 1
    assert folds.group_by("repeat", "group").agg(pl.col("fold").n_unique())["fold"].max() == 1
    for _, drawn in folds.group_by("repeat"):
        assert drawn.select(keys.columns).equals(keys)


@pytest.mark.parametrize(
    ("keys", "outer"), [(key_table(3), "leave_one_group_out"), (key_table(6, pure=True), "stratified_groups")]
)
def test_two_groups_of_each_class_in_a_training_part_are_enough(keys, outer):
    found = train_on(training_of(segments_of(keys)), TWO_EXPERTS | {"outer": outer, "n_repeats": 1})
    assert auc(found.predictions) > 0.9


def test_separated_classes_are_told_apart():
    assert auc(train(features(separation=2.0), n_repeats=1).predictions) > 0.95


def test_the_margin_is_the_sum_of_the_evidence_of_the_experts(two_experts):
    found = two_experts.predictions
    assert found.columns[-2:] == list(TWO_EXPERTS["experts"])
    np.testing.assert_allclose(found["margin"], found.select(pl.sum_horizontal("stream", "colour")).to_series())
    abstained = key_table()["video_id"].gather_every(3).to_list()
    for repeat in (1, 2):
        of_repeat = found.filter(repeat=repeat)
        assert of_repeat.filter(pl.col("stream").is_null())["video_id"].to_list() == abstained
    assert found["colour"].null_count() == 0


def test_a_video_is_predicted_fake_from_one_half_on(two_experts):
    found = two_experts.predictions
    assert ((found["predicted"] == "fake") == (found["probability"] >= 0.5)).all()
    assert found["predicted"].n_unique() == 2


def test_the_final_detector_is_trained_on_all_videos(two_experts):
    table = two_experts.table
    detector = detector_of(SvmParameters.model_validate(TWO_EXPERTS), table.columns, len(table))
    rows = rows_of(table, detector.columns)
    detector.fit(rows.features, rows.y, rows.groups, rows.videos)
    expected = detector.score_videos(rows.features, rows.videos)
    assert two_experts.detector.score_videos(rows.features, rows.videos).equals(expected)
    assert two_experts.grid.filter(pl.col("fold").is_null())["n_videos"].unique().to_list() == [48]


def test_thresholds_are_chosen_on_one_score_a_video(trained):
    """The scores of a video in several repeats are not new videos."""
    second = pl.col("repeat") == 2
    turned = trained.predictions.with_columns(
        probability=pl.when(second).then(1 - pl.col("probability")).otherwise(pl.col("probability"))
    )
    rates = {"false_positive_rates": [0.1, 0.3]}
    thresholds = nodes.choose_thresholds(trained.predictions, trained.left_out, SVM | rates)
    assert thresholds["threshold"].null_count() == 0
    assert nodes.choose_thresholds(turned, trained.left_out, SVM | rates).equals(thresholds)
    verdicts = nodes.finish_detector(trained.trials, turned, trained.left_out, SVM).verdicts_
    assert verdicts == trained.detector.verdicts_
    other = trained.predictions.with_columns(probability=1 - pl.col("probability"))
    assert nodes.finish_detector(trained.trials, other, trained.left_out, SVM).verdicts_ != verdicts


def test_metrics_of_the_folds(trained):
    predictions = trained.predictions
    fold_metrics, cv_metrics = nodes.evaluate_folds(predictions, trained.grid)
    assert list(fold_metrics) == [f"fold_{number}" for number in range(1, 6)]
    names = {"accuracy", "precision", "recall", "f1_score", "roc_auc", "average_precision", "log_loss", "brier"}
    names |= {"balanced_accuracy", "real_recall", "fake_f1_score", "C", "kernel", "n_train", "n_test"}
    assert names <= set(fold_metrics["fold_1"])
    assert {"test_f1", "test_accuracy", "test_roc_auc", "test_brier"} <= set(cv_metrics.columns)
    assert cv_metrics.select("repeat", "fold").rows() == [
        *((1, n) for n in range(1, 6)),
        *((2, n) for n in range(6, 11)),
    ]
    for _, of_repeat in cv_metrics.group_by("repeat"):
        assert of_repeat["n_test"].sum() == 120
        assert (of_repeat["n_train"] + of_repeat["n_test"] == 120).all()
    for row in cv_metrics.iter_rows(named=True):
        tested = predictions.filter(fold=row["fold"])
        assert row["test_roc_auc"] == pytest.approx(auc(tested))
        assert row["test_accuracy"] == pytest.approx((tested["label"] == tested["predicted"]).mean())
        chosen = trained.grid.filter("chosen", pl.col("fold") == row["fold"]).row(0, named=True)
        assert (row["kernel"], row["C"]) == (chosen["kernel"], chosen["C"])
        if row["repeat"] == 1:
            assert fold_metrics[f"fold_{row['fold']}"]["roc_auc"] == row["test_roc_auc"]


def test_every_fold_has_a_search_of_its_own_and_the_final_detector_too(trained):
    grid = trained.grid
    searches = grid.select("repeat", "fold").unique(maintain_order=True).rows()
    assert searches == [*((1, n) for n in range(1, 6)), *((2, n) for n in range(6, 11)), (None, None)]
    for (fold,), points in grid.group_by("fold"):
        assert points.select("kernel", "C").rows() == [("rbf", 1), ("rbf", 10), ("linear", 0.001), ("linear", 0.1)]
        assert points["chosen"].sum() == 1
        assert (points["n_videos"] == (120 if fold is None else 96)).all()


def test_the_global_search_sees_all_videos_and_chooses_once():
    grid = train(features(), search=SVM["search"] | {"mode": "global"}).grid
    assert (grid["n_videos"] == 120).all()
    assert len(grid.drop("repeat", "fold").unique()) == 4


def test_the_number_of_folds_is_a_parameter():
    assert list(train(features(), n_folds=3, n_repeats=1, grid=ONE_POINT).models) == ["fold_1", "fold_2", "fold_3"]


def test_equal_inputs_give_equal_results(trained):
    again = train(features())
    assert again.grid.equals(trained.grid)
    assert again.predictions.equals(trained.predictions)


def test_a_detector_that_cannot_be_trained_is_an_error():
    nothing = features().with_columns(pl.lit(None, pl.Float64).alias(name) for name in NAMES)
    with pytest.raises(TrainingDataError, match=r"could not be trained: no expert .* svm.experts"):
        train(nothing)


@pytest.mark.parametrize(
    ("chosen", "experts"),
    [
        (["original"], {"stream": NAMES}),
        (["scaled"], {SCALED_EXPERT: ["scaled_f0", "scaled_f1"]}),
        (["original", "scaled"], {"stream": NAMES, SCALED_EXPERT: ["scaled_f0", "scaled_f1"]}),
    ],
)
def test_feature_sets_are_joined_by_video(chosen, experts):
    table = features()
    shuffled = scaled(table).sample(fraction=1, shuffle=True, seed=1)
    joined = assemble(table, shuffled, counts=[2], feature_sets=chosen)
    scaled_columns = ["scaled_f0", "scaled_f1"] if "scaled" in chosen else []
    assert joined.columns == ["video_id", "label", "group", "corpus", "segment", *NAMES, *scaled_columns]
    assert joined.select("video_id", "segment").rows() == [(v, s) for v in table["video_id"] for s in (0, 1)]
    for name in (NAMES[0], *scaled_columns[:1]):
        assert joined[name].to_list() == np.repeat(table[NAMES[0]].to_numpy(), 2).tolist()
    parameters = SvmParameters.model_validate(SVM | {"feature_sets": chosen})
    assert detector_of(parameters, joined.columns, len(joined)).experts == experts


def test_the_scaled_copies_are_an_expert_of_their_own():
    table = features()
    both = train(table, scaled(table), feature_sets=["original", "scaled"], grid=ONE_POINT, n_repeats=1)
    assert both.predictions.columns[-2:] == ["stream", SCALED_EXPERT]
    assert both.predictions.select("stream", SCALED_EXPERT).null_count().row(0) == (0, 0)
    alone = train(table, scaled(table), feature_sets=["scaled"], grid=ONE_POINT, n_repeats=1)
    np.testing.assert_allclose(alone.predictions["margin"], alone.predictions[SCALED_EXPERT])
    assert auc(alone.predictions) > 0.8


EMPTY = {"no file": NOT_SCALED, "nothing measured": scaled(features()).clear()}


@pytest.mark.parametrize("empty", EMPTY)
def test_without_scaled_copies_all_videos_are_trained_on(empty):
    found = train(features(), EMPTY[empty], grid=ONE_POINT, n_repeats=1)
    assert found.predictions["video_id"].to_list() == features()["video_id"].to_list()


@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("feature_sets", [["scaled"], ["original", "scaled"]])
def test_scaled_copies_that_are_wanted_but_not_measured_are_an_error_with_a_remedy(feature_sets, empty):
    with pytest.raises(TrainingDataError, match="no scaled copy was measured: kedro run --pipelines scaling"):
        assemble(features(), EMPTY[empty], feature_sets=feature_sets)


def test_the_unit_is_a_parameter():
    table = features()
    by_segment, by_video = (assemble(table, counts=[3], unit=unit) for unit in ("segment", "video"))
    assert len(by_segment) == 3 * len(by_video) == 3 * len(table)
    assert by_video["segment"].unique().to_list() == [0]
    np.testing.assert_allclose(by_video.select(NAMES), table.select(NAMES))


def test_the_mean_of_a_video_passes_over_segments_without_a_value():
    table = features()
    cut = segments(table, [2]).with_columns(pl.when(pl.col("segment") == 0).then(pl.col(NAMES[0])).alias(NAMES[0]))
    by_video = nodes.assemble_training_table(cut, NOT_SCALED, SVM | {"unit": "video"})
    assert by_video[NAMES[0]].to_list() == table[NAMES[0]].to_list()


@pytest.mark.parametrize("unit", ["segment", "video"])
def test_videos_are_judged_whole_whatever_the_unit(unit):
    table = features()
    found = train(table, counts=[1, 4, 2], unit=unit, n_repeats=1)
    assert found.predictions["video_id"].to_list() == table["video_id"].to_list()
    assert found.folds["video_id"].to_list() == table["video_id"].to_list()
    assert nodes.evaluate_folds(found.predictions, found.grid)[1]["n_test"].sum() == len(table)
    assert auc(found.predictions) > 0.8


def test_equal_segments_give_the_margins_of_one():
    equal, once = (train(features(), counts=[n], grid=ONE_POINT, n_repeats=1).predictions for n in (3, 1))
    assert np.corrcoef(equal["margin"], once["margin"])[0, 1] > 0.99


def test_every_measured_column_is_in_the_table_and_experts_choose_theirs():
    table = features().with_columns(noise_mean=pl.lit(1.0))
    found = assemble(table)
    assert "noise_mean" in found.columns
    parameters = SvmParameters.model_validate(SVM)
    assert detector_of(parameters, found.columns, len(found)).columns == NAMES


def test_features_that_were_not_measured_are_named():
    experts = {"stream": ["bitstream"], "grain": ["noise"]}
    with pytest.raises(TrainingDataError, match=r"the expert grain .*noise_autocorrelation_jump.*feature_engineering"):
        assemble(features(), experts=experts)


def test_an_expert_that_is_left_out_needs_no_features():
    assert len(assemble(features(), experts={"stream": ["bitstream"], "grain": None})) == 120


def test_videos_without_a_scaled_copy_are_left_out_only_where_the_copies_are_used():
    table = features()
    some = scaled(table).tail(-5)
    both = assemble(table, some, feature_sets=["original", "scaled"])
    assert both["video_id"].to_list() == table["video_id"].to_list()[5:]
    assert assemble(table, some)["video_id"].to_list() == table["video_id"].to_list()


def test_a_video_that_stands_twice_among_the_scaled_is_an_error():
    table = features()
    twice = pl.concat([scaled(table), scaled(table).head(1)])
    with pytest.raises(TrainingDataError, match="a video_id stands twice in scaled_features"):
        assemble(table, twice, feature_sets=["original", "scaled"])


def test_a_segment_that_stands_twice_is_an_error():
    twice = pl.concat([segments(features())] * 2)
    with pytest.raises(TrainingDataError, match="video_id and segment stands twice in segment_features"):
        nodes.assemble_training_table(twice, NOT_SCALED, SVM)


def test_one_class_is_an_error():
    with pytest.raises(TrainingDataError, match=r"0 real and 60 fake videos are left .* both classes"):
        assemble(features().filter(label="fake"))


def test_folds_of_another_table_are_an_error(trained):
    with pytest.raises(TrainingDataError, match="other videos"):
        nodes.plan_cross_validation(assemble(features(n_groups=10)), trained.folds, SVM, SERIAL)


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
        table = pl.DataFrame(noise, schema=NAMES).insert_column(0, pl.lit("one").alias("corpus"))
        table.insert_column(0, pl.Series("group", groups.astype(str)))
        table.insert_column(0, pl.Series("label", np.where(y == 1, "fake", "real")))
        table.insert_column(0, pl.Series("video_id", [f"v{number:04d}" for number in range(len(y))]))
        search = SVM["search"] | {"min_videos": 100}
        grid = {"C": [1], "rbf_C": [1], "kernel": ["linear", "rbf"]}
        values.append(auc(train(table, search=search, grid=grid, n_repeats=1).predictions))
    assert abs(np.mean(values) - 0.5) < 0.15


def test_canary_permuted_labels_give_chance():
    generator = np.random.default_rng(0)
    values = []
    for seed in range(6):
        table = features(separation=2.0, seed=seed)
        shuffled = table.with_columns(label=pl.Series(generator.permutation(table["label"].to_numpy())))
        values.append(auc(train(shuffled, grid=ONE_POINT, n_repeats=1).predictions))
    assert abs(np.mean(values) - 0.5) < 0.1


def test_folds_are_those_of_scikit_learn():
    table = features()
    y, groups = (table["label"] == "fake").to_numpy(), table["group"].to_numpy()
    folds = nodes.make_folds(table, SVM | {"n_repeats": 3})
    assert folds["repeat"].unique().sort().to_list() == [1, 2, 3]
    for repeat in (1, 2, 3):
        expected = StratifiedGroupKFold(5, shuffle=True, random_state=SVM["seed"] + repeat - 1)
        numbers = folds.filter(repeat=repeat)["fold"].to_numpy()
        for number, (_, test) in enumerate(expected.split(y, y, groups), start=5 * repeat - 4):
            assert np.flatnonzero(numbers == number).tolist() == test.tolist()
