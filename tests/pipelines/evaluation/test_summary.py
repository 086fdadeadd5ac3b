"""The headline in numbers."""

import polars as pl
import pytest

from evaluations import EVALUATION, SVM, folds_of, key_table
from fvc_kedro.learning.resampling import METRICS
from fvc_kedro.pipelines.evaluation.comparison import COMPARISON_SCHEMA, METHODS
from fvc_kedro.pipelines.evaluation.corpora import MATRIX_SCHEMA
from fvc_kedro.pipelines.evaluation.permutation import PERMUTATION_SCHEMA
from fvc_kedro.pipelines.evaluation.summary import summarise_evaluation, summarise_folds

NO_VIDEOS = pl.DataFrame(schema={"reason": pl.String})


def comparison(**changes):
    """Every figure at .5 (.4 to .6), but for those given as method__metric=(value, low, high)."""
    figures = {(method, metric): (0.5, 0.4, 0.6) for method in METHODS for metric in METRICS}
    figures |= {tuple(name.split("__")): value for name, value in changes.items()}
    rows = [(*key, *value, 0.0, 0.0, 0.0) for key, value in figures.items()]
    return pl.DataFrame(rows, schema=COMPARISON_SCHEMA, orient="row")


def permutations(observed=0.9, n_as_good=0, n=19, within=True):
    rows = [(0, observed, observed if within else None)]
    rows += [(i, v, v if within else None) for i in range(1, n + 1) for v in [0.95 if i <= n_as_good else 0.5]]
    return pl.DataFrame(rows, schema=PERMUTATION_SCHEMA, orient="row")


CV = pl.DataFrame(
    {
        "repeat": [1, 1, 1, 2, 2, 2],
        "test_roc_auc": [0.6, None, 0.8, 0.6, 0.8, None],
        "test_f1": [0.5] * 6,
        "test_accuracy": [0.0, 0.5, 1.0, 0.2, 0.5, 0.8],
    }
)


def summarise(compared=None, permuted=None, svm=SVM, n_groups=12, **changes):
    return summarise_evaluation(
        comparison() if compared is None else compared,
        permutations() if permuted is None else permuted,
        CV,
        folds_of(key_table(n_groups)),
        pl.DataFrame(schema=MATRIX_SCHEMA),
        pl.DataFrame({"reason": ["a", "b"]}),
        NO_VIDEOS,
        svm,
        EVALUATION | changes,
    )


def test_every_metric_of_the_detector_has_its_interval():
    summary = summarise(comparison(svm__brier=(0.1, 0.05, 0.2), svm__mean_group_auc=(None, None, None)))
    for metric in METRICS:
        assert {metric, f"{metric}_low", f"{metric}_high"} <= set(summary)
    assert (summary["brier"], summary["brier_low"], summary["brier_high"]) == (0.1, 0.05, 0.2)
    assert summary["mean_group_auc"] is summary["mean_group_auc_low"] is None
    assert all(value is None or isinstance(value, float) for value in summary.values())


def test_p_values_count_the_true_labels_too():
    summary = summarise(permuted=permutations(n_as_good=3))
    assert summary["roc_auc_p_value"] == summary["mean_group_auc_p_value"] == 4 / 20
    assert summary["n_permutations"] == 19
    without = summarise(permuted=permutations(within=False))
    assert without["roc_auc_p_value"] == 1 / 20
    assert without["mean_group_auc_p_value"] is None


def test_the_figures_of_the_permutation_test_are_given():
    summary = summarise(permuted=permutations(observed=0.7, n_as_good=1, n=10))
    assert summary["roc_auc_first_repeat"] == summary["mean_group_auc_first_repeat"] == 0.7
    assert summary["roc_auc_permuted_mean"] == pytest.approx((0.95 + 9 * 0.5) / 10)


@pytest.mark.parametrize("permuted", [pl.DataFrame(schema=PERMUTATION_SCHEMA), permutations(n=0)])
def test_without_permutations_there_is_no_p_value(permuted):
    summary = summarise(permuted=permuted)
    assert summary["roc_auc_p_value"] is None
    assert summary["n_permutations"] == 0


@pytest.mark.parametrize(
    ("figures", "separate"),
    [
        ({}, 0),
        ({"metadata_boosting__roc_auc": (0.7, 0.55, 0.8)}, 1),
        ({"metadata_boosting__roc_auc": (0.7, 0.5, 0.8)}, 0),
        ({"metadata_logistic__mean_group_auc": (0.7, 0.51, 0.8)}, 1),
        ({"metadata_logistic__mean_group_auc": (0.69, 0.55, 0.8)}, 0),
        ({"metadata_logistic__mean_group_auc": (None, None, None)}, 0),
        ({"gradient_boosting__roc_auc": (0.9, 0.8, 1.0)}, 0),
        ({"metadata_boosting__accuracy": (0.9, 0.8, 1.0)}, 0),
    ],
)
def test_metadata_separate_where_they_surely_reach_the_limit(figures, separate):
    assert summarise(comparison(**figures))["metadata_separate"] == separate


@pytest.mark.parametrize(
    ("figure", "tell"),
    [((0.56, 0.51, 0.6), 1), ((0.54, 0.51, 0.6), 0), ((0.69, 0.5, 0.9), 0), ((0.9, 0.8, 1.0), 1)],
)
def test_metadata_tell_something_long_before_they_separate(figure, tell):
    assert summarise(comparison(metadata_boosting__roc_auc=figure))["metadata_tell"] == tell


def test_the_figure_named_with_the_warning_is_one_that_bears_it_out():
    """A higher one that may be chance must not stand in the sentence 'surely above'."""
    summary = summarise(
        comparison(metadata_boosting__roc_auc=(0.7, 0.55, 0.8), metadata_logistic__mean_group_auc=(0.8, 0.3, 1.0))
    )
    assert summary["metadata_separate"] == 1
    assert (summary["metadata_roc_auc"], summary["metadata_roc_auc_low"]) == (0.7, 0.55)


def test_without_metadata_nothing_is_said_of_them():
    summary = summarise(comparison().filter(~pl.col("method").str.starts_with("metadata")))
    assert summary["metadata_roc_auc"] is summary["metadata_roc_auc_low"] is summary["metadata_separate"] is None


def test_counts_and_flags():
    summary = summarise()
    assert (summary["n_videos"], summary["n_groups"], summary["n_folds"], summary["n_repeats"]) == (48, 12, 3, 2)
    assert (summary["n_rejected"], summary["n_failed"]) == (2, 0)
    assert (summary["few_groups"], summary["searched_on_test_videos"]) == (1, 0)
    assert summarise(few_groups=12)["few_groups"] == 0
    assert summarise(svm=SVM | {"search": SVM["search"] | {"mode": "global"}})["searched_on_test_videos"] == 1


def test_the_spread_is_over_the_folds_of_all_repeats_but_those_of_one_class():
    summary = summarise()
    assert summary["test_roc_auc_fold_mean"] == pytest.approx(0.7)
    assert summary["test_roc_auc_fold_std"] == pytest.approx(0.2 / 3**0.5)
    assert summary["test_f1_fold_std"] == 0
    assert summary["test_accuracy_fold_mean"] == 0.5


def test_the_folds_are_summed_up_without_an_evaluation_as_with_one():
    alone = summarise_folds(CV.with_columns(test_real_support=pl.lit(4.0), test_brier=pl.lit(None, pl.Float64)))
    assert (alone.pop("test_brier_fold_mean"), alone.pop("test_brier_fold_std")) == (None, None)
    assert len(alone) == 2 + 2 * 3
    assert alone.items() <= summarise().items()
