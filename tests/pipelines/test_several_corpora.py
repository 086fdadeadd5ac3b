"""Training on several corpora, each left out in turn."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

from evaluations import EVALUATION, PARAMETERS, SVM, index_of, key_table, segments_of, train, training_of
from fvc_kedro.datasets.trials import TrialsDataset
from fvc_kedro.learning.folds import TooFewGroupsError
from fvc_kedro.learning.metrics import roc_auc
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.evaluation import corpora
from fvc_kedro.pipelines.evaluation.comparison import DETECTOR, METADATA
from fvc_kedro.pipelines.evaluation.permutation import plan_permutations
from fvc_kedro.pipelines.svm_training import nodes
from fvc_kedro.pipelines.training_rows import (
    check_foldable,
    detector_of,
    labels_of,
    rows_of,
    splits_of,
    videos_of,
)
from trials import SERIAL, results_of


def three():
    """Videos of three corpora of unlike size; a group is shared by the first two."""
    name, shared = pl.col("group"), pl.col("group") == "g08"
    corpus = pl.when(name < "g08").then(pl.lit("a")).when(name < "g13").then(pl.lit("b")).otherwise(pl.lit("c"))
    return key_table(18).with_columns(corpus=corpus, group=pl.when(shared).then(pl.lit("g07")).otherwise(name))


# Of corpus b alone, the bitrate tells the label.
BITRATES = [
    80_000.0 + (40_000.0 if corpus == "b" and label == "fake" else number % 7)
    for number, (corpus, label) in enumerate(three().select("corpus", "label").rows())
]


@pytest.fixture(scope="module")
def three_corpora():
    """Three corpora of unlike size; a group is shared by the first two."""
    return train(training_of(segments_of(three())), SVM | {"n_repeats": 1, "outer": "leave_one_corpus_out"})


def test_a_corpus_left_out_is_scored_by_what_has_seen_none_of_its_groups(three_corpora):
    left_out = three_corpora.left_out
    assert left_out.columns == three_corpora.predictions.drop("repeat", "fold").columns
    assert (
        left_out.select("video_id", "corpus").rows()
        == videos_of(three_corpora.table).select("video_id", "corpus").rows()
    )
    table = three_corpora.table.filter(corpus="c")
    rows = rows_of(three_corpora.table, three_corpora.detector.columns)
    seen = rows.take(np.flatnonzero(rows.corpora != "c"))
    alone = detector_of(SvmParameters.model_validate(SVM), table.columns, 0).set_params(prevalence=rows.prevalence())
    alone.fit(seen.features, seen.y, seen.groups, seen.videos, corpora=seen.corpora)
    expected = alone.score_videos(table, table["video_id"].to_numpy())
    assert left_out.filter(corpus="c")["probability"].to_list() == expected["probability"].to_list()


def test_leaving_one_corpus_out_tests_each_as_a_fold_and_keeps_shared_groups_out_of_training(three_corpora):
    folds = three_corpora.folds
    assert folds.group_by("fold").agg(pl.col("corpus").unique()).sort("fold")["corpus"].to_list() == [
        ["a"],
        ["b"],
        ["c"],
    ]
    splits = splits_of(three_corpora.table, folds, 1)
    rows = rows_of(three_corpora.table, three_corpora.detector.columns)
    for train_rows, test_rows in splits.values():
        assert not set(rows.groups[train_rows]) & set(rows.groups[test_rows])
    n_shared = len(set(rows.videos[(rows.groups == "g07") & (rows.corpora == "b")]))
    _, cv_metrics = nodes.evaluate_folds(three_corpora.predictions, three_corpora.grid)
    n_videos = len(set(rows.videos))
    assert n_shared == 4
    assert (cv_metrics["n_train"] + cv_metrics["n_test"]).to_list() == [n_videos - 4, n_videos - 4, n_videos]
    same = three_corpora.predictions.drop("repeat", "fold").sort("video_id")
    assert three_corpora.left_out.equals(same)


def test_what_leaves_corpora_out_is_trained_once(three_corpora):
    svm = SVM | {"n_repeats": 1, "outer": "leave_one_corpus_out"}
    with TemporaryDirectory() as folder:
        TrialsDataset(path=folder, batch="detector").save(
            nodes.plan_cross_validation(three_corpora.table, three_corpora.folds, svm, SERIAL)
        )
        before = sorted(Path(folder).glob("??/*.joblib"))
        TrialsDataset(path=folder, batch="left_out").save(nodes.leave_corpora_out(three_corpora.table, svm, SERIAL))
        assert sorted(Path(folder).glob("??/*.joblib")) == before


def test_thresholds_of_several_corpora_hold_in_each_of_them(three_corpora):
    rates = {"false_positive_rates": [0.1, 0.3]}
    left_out = three_corpora.left_out
    table = nodes.choose_thresholds(three_corpora.predictions, left_out, SVM | rates)
    assert table["threshold"].is_null().to_list() == [True, False]  # one in ten takes nine groups in a corpus
    real = left_out.filter(label="real")
    each = real.group_by("corpus").agg((pl.col("probability") >= table["threshold"][1]).mean())
    assert (each["probability"] <= 0.3).all()
    assert nodes.leave_corpora_out(three_corpora.table.filter(corpus="a"), SVM, SERIAL).trials == []


def test_what_cannot_be_left_out_is_said():
    keys = three()
    svm = SvmParameters.model_validate(SVM | {"outer": "leave_one_corpus_out"})
    with pytest.raises(TooFewGroupsError, match="at least 2 corpora"):
        check_foldable(keys.filter(corpus="a"), svm)
    with pytest.raises(TooFewGroupsError, match="without the corpus 'c' and its groups there are not both classes"):
        check_foldable(keys.filter((pl.col("corpus") == "c") | (pl.col("label") == "real")), svm)


def test_a_corpus_without_which_nothing_can_be_trained_has_no_scores(caplog):
    keys = three().filter((pl.col("corpus") == "c") | ((pl.col("corpus") == "a") & (pl.col("label") == "real")))
    trained = train(training_of(segments_of(keys)), SVM | {"n_repeats": 1})
    assert trained.left_out["corpus"].unique().to_list() == ["a"]
    assert "No detector could be trained without the corpus 'c'" in caplog.text


def tabulated(batch, trained, left_out, alignment="none", few_groups=1):
    without = results_of(nodes.leave_corpora_out(trained.table, SVM, SERIAL))
    settings = PARAMETERS["cross_corpus"] | {"alignment": alignment, "few_groups": few_groups}
    return corpora.tabulate_corpora(trained.table, results_of(batch), without, left_out, EVALUATION, settings)


@pytest.fixture(scope="module")
def matrix(three_corpora):
    index = index_of(videos_of(three_corpora.table), bitrate=BITRATES)
    batch = corpora.plan_corpora(three_corpora.table, index, three_corpora.detector, SVM, SERIAL)
    return tabulated(batch, three_corpora, three_corpora.left_out)


def test_the_matrix_holds_every_pair_and_metadata_within_each(matrix, three_corpora):
    assert dict(matrix.schema) == corpora.MATRIX_SCHEMA
    own = matrix.filter(method=DETECTOR)
    assert own["trained_on"].to_list() == [corpora.ALL_OTHERS] * 3 + ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert own["tested_on"].to_list() == ["a", "b", "c"] * 4
    for name in ("a", "b", "c"):
        scored = three_corpora.left_out.filter(corpus=name)
        row = own.row(
            by_predicate=(pl.col("trained_on") == corpora.ALL_OTHERS) & (pl.col("tested_on") == name), named=True
        )
        y, probability = labels_of(scored), scored["probability"].to_numpy()
        assert row["roc_auc"] == pytest.approx(roc_auc(y, probability))
        assert (row["n_real"], row["n_fake"]) == (int(np.sum(y == 0)), int(np.sum(y == 1)))
        assert row["false_positive_rate"] == pytest.approx(np.mean(probability[y == 0] >= 0.5))
        assert row["roc_auc_low"] <= row["roc_auc"] <= row["roc_auc_high"]
    metadata = matrix.filter(pl.col("method") != DETECTOR)
    assert metadata.select("method", "trained_on", "tested_on").rows() == [
        (method, name, name) for method in METADATA for name in ("a", "b", "c")
    ]


def test_a_shared_group_is_left_out_of_what_is_tested(matrix):
    own = matrix.filter(method=DETECTOR, trained_on="a")
    n_videos = own.select("tested_on", pl.col("n_real") + pl.col("n_fake")).rows()
    assert n_videos == [("a", 32), ("b", 16), ("c", 20)]


def test_metadata_tell_the_label_where_they_do(matrix):
    aucs = dict(matrix.filter(method=METADATA[0]).select("tested_on", "roc_auc").rows())
    assert aucs["b"] > 0.95
    assert aucs["a"] < 0.7
    assert aucs["c"] < 0.7


def test_one_corpus_has_no_matrix(three_corpora):
    table = three_corpora.table.filter(corpus="a")
    batch = corpora.plan_corpora(table, index_of(videos_of(table)), three_corpora.detector, SVM, SERIAL)
    assert batch.trials == []
    empty = three_corpora.left_out.clear()
    assert tabulated(batch, three_corpora, empty).schema == corpora.MATRIX_SCHEMA
    assert corpora.measure_false_alarms(empty, SVM, EVALUATION).schema == corpora.FALSE_ALARM_SCHEMA


def test_false_alarms_are_measured_by_thresholds_of_the_other_corpora(three_corpora):
    left_out = three_corpora.left_out
    rates = SVM | {"false_positive_rates": [0.3, 0.01]}
    table = corpora.measure_false_alarms(left_out, rates, EVALUATION)
    assert table.select("corpus", "false_positive_rate").rows() == [
        (name, rate) for name in "abc" for rate in (0.01, 0.3)
    ]
    assert table.filter(false_positive_rate=0.01)["threshold"].null_count() == 3  # it takes 99 groups
    for row in table.filter(false_positive_rate=0.3).iter_rows(named=True):
        real = left_out.filter(corpus=row["corpus"], label="real")["probability"]
        assert row["measured_false_positive_rate"] == pytest.approx((real >= row["threshold"]).mean())
        others = left_out.filter(pl.col("corpus") != row["corpus"])
        changed = pl.concat([others, left_out.filter(corpus=row["corpus"]).with_columns(probability=pl.lit(0.123))])
        again = corpora.measure_false_alarms(changed, rates, EVALUATION).filter(
            corpus=row["corpus"], false_positive_rate=0.3
        )
        assert again["threshold"].item() == row["threshold"]


def test_alignment_is_set_beside_the_plain_scores():
    trained = train(training_of(segments_of(three(), separation=0.1)), SVM | {"n_repeats": 1})
    index = index_of(videos_of(trained.table), bitrate=BITRATES)
    batch = corpora.plan_corpora(trained.table, index, trained.detector, SVM, SERIAL)
    both = tabulated(batch, trained, trained.left_out, "coral")
    plain = tabulated(batch, trained, trained.left_out)
    assert both.filter(alignment="none").equals(plain)
    aligned = both.filter(alignment="coral")
    keys = ["method", "trained_on", "tested_on", "n_real", "n_fake", "n_groups"]
    assert aligned.select(keys).equals(plain.filter(pl.col("trained_on") != pl.col("tested_on")).select(keys))
    models = {
        about["left_out"]: by_fold
        for about, by_fold in results_of(nodes.leave_corpora_out(trained.table, SVM, SERIAL)).models
    }
    table = trained.table.filter(corpus="c")
    videos = table["video_id"].to_numpy().astype(str)
    scores = models["c"][3].aligned_to(table, videos).score_videos(table, videos)
    fake = scores.join(videos_of(table).filter(label="fake"), on="video_id", how="semi")["probability"]
    row = aligned.row(
        by_predicate=(pl.col("trained_on") == corpora.ALL_OTHERS) & (pl.col("tested_on") == "c"), named=True
    )
    assert row["true_positive_rate"] == pytest.approx((fake >= 0.5).mean())
    assert row["roc_auc"] != plain.filter(trained_on=corpora.ALL_OTHERS, tested_on="c")["roc_auc"].item()


def test_unsafe_alignment_is_warned_of_once_a_corpus(caplog):
    """Corpus a has eight groups, b and c have five, and of c one video of twenty is real."""
    real = three().filter(corpus="c", label="real")["video_id"][0]
    most = pl.when((pl.col("corpus") == "c") & (pl.col("video_id") != real)).then(pl.lit("fake"))
    keys = three().with_columns(label=most.otherwise(pl.col("label")))
    trained = train(training_of(segments_of(keys, separation=0.1)), SVM | {"n_repeats": 1})
    index = index_of(videos_of(trained.table), bitrate=BITRATES)
    batch = corpora.plan_corpora(trained.table, index, trained.detector, SVM, SERIAL)
    found = tabulated(batch, trained, trained.left_out, "coral", few_groups=6)
    assert found.filter(alignment="none")["alignment_warning"].null_count() == len(found.filter(alignment="none"))
    aligned = found.filter(alignment="coral", trained_on=corpora.ALL_OTHERS)
    told = dict(aligned.select("tested_on", "alignment_warning").rows())
    assert told["a"] is None
    assert told["b"].startswith("the batch has 5 groups, fewer than cross_corpus.few_groups, 6")
    assert "labelled fake" not in told["b"]
    assert "; 95% of the batch are labelled fake" in told["c"]
    for name, warning in told.items():
        assert caplog.text.count(f"Alignment to the corpus {name!r} may be unsafe: {warning}") == (warning is not None)


def test_the_detector_of_a_corpus_knows_nothing_of_the_others(three_corpora):
    """Neither a search on all corpora nor their share of fakes."""
    table = three_corpora.table
    everywhere = clone(three_corpora.detector).set_params(search_once=True, prevalence=0.9)
    more_fakes = table.filter((pl.col("corpus") != "b") | (pl.col("label") == "fake"))
    for method, name in ((DETECTOR, "a"), (METADATA[0], "c")):
        found = []
        for one in (table, more_fakes):
            batch = corpora.plan_corpora(one, index_of(videos_of(one)), everywhere, SVM, SERIAL)
            within = [
                t for t in batch.trials if t.about == {"method": method, "trained_on": name} and not t.keeps_models
            ]
            assert not within[0].detector.search_once
            found.append(results_of(replace(batch, trials=within)).predictions)
        assert found[0].equals(found[1])


def test_a_permutation_that_cannot_be_folded_is_left_out(caplog):
    """Groups of one class that corpora share may leave a training part with one class, for permuted labels alone."""
    keys = key_table(14, a_group=2, pure=True).with_columns(
        corpus=pl.when(pl.col("group") < "g07").then(pl.lit("a")).otherwise(pl.lit("b"))
    )
    shared = pl.col("group").replace({"g07": "g00", "g08": "g01", "g09": "g02"})
    keys = keys.with_columns(group=shared)
    table = training_of(segments_of(keys))
    svm = SVM | {"outer": "leave_one_corpus_out"}
    detector = detector_of(SvmParameters.model_validate(svm), table.columns, len(table))
    for seed in range(12):
        settings = EVALUATION | {"seed": 100 * seed, "n_permutations": 19}
        batch = plan_permutations(table, detector, svm, settings, SERIAL)
        left_out = [message for message in caplog.messages if "is left out: without the corpus" in message]
        assert len(batch.trials) + len(left_out) == 19
        caplog.clear()
        if left_out:
            return
    pytest.fail("no permutation was left out: the table no longer shows what is tested")
