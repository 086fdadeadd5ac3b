"""Metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fvc_kedro.learning.metrics import (
    classification_metrics,
    column_of_metric,
    mean_group_auc,
    roc_auc,
    rows_by_group,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=30))
def test_auc_is_scikit_learn_s(pairs):
    y, scores = (np.array(column) for column in zip(*pairs, strict=True))
    if np.unique(y).size < 2:
        assert np.isnan(roc_auc(y, scores))
    else:
        assert roc_auc(y, scores) == pytest.approx(roc_auc_score(y, scores))


def test_auc_within_groups_leaves_out_what_differs_between_them():
    y, groups = np.tile([0, 1], 5), np.repeat(np.arange(5), 2).astype(str)
    scores = 10.0 * np.repeat(np.arange(5), 2) + y
    assert mean_group_auc(y, scores, groups) == 1
    assert roc_auc(y, scores) < 0.7
    assert np.isnan(mean_group_auc(np.zeros(4), np.arange(4.0), np.array(list("aabb"))))


def test_rows_by_group_are_in_the_order_of_the_names():
    assert [rows.tolist() for rows in rows_by_group(np.array(list("bacab")))] == [[1, 3], [0, 4], [2]]


def test_columns_of_metrics_are_short():
    assert [column_of_metric(name) for name in ("f1_score", "roc_auc")] == ["test_f1", "test_roc_auc"]


def test_metrics_by_hand():
    y = np.array([0, 0, 0, 1, 1])
    probability = np.array([0.1, 0.6, 0.4, 0.5, 0.3])
    found = classification_metrics(y, probability)
    assert found["accuracy"] == 3 / 5
    assert found["precision"] == found["recall"] == found["f1_score"] == 0.5
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["real_recall"] == pytest.approx(2 / 3)
    assert (found["real_support"], found["fake_support"]) == (3, 2)
    assert found["roc_auc"] == pytest.approx(3 / 6)
    assert found["brier"] == pytest.approx(np.mean([0.01, 0.36, 0.16, 0.25, 0.49]))
    assert found["log_loss"] == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.6, 0.5, 0.3])))


def test_a_part_of_one_class_has_no_auc():
    found = classification_metrics(np.array([1, 1]), np.array([0.2, 0.9]))
    assert found["roc_auc"] is None
    assert found["average_precision"] is None
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == 0.5
