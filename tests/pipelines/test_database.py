import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from conftest import REPOSITORY
from fvc_kedro.learning.metrics import column_of_metric
from fvc_kedro.pipelines.evaluation.comparison import PREDICTION_SCHEMA
from fvc_kedro.pipelines.reporting import create_pipeline
from fvc_kedro.pipelines.reporting.database import RESULTS, TABLES, gather_tables, results_of

METRICS = {"fold": 1, "C": 1, "kernel": "rbf", "n_train": 8, "n_test": 4, "f1_score": 0.5, "roc_auc": None}
NONE = pl.DataFrame(schema=PREDICTION_SCHEMA)  # predictions of further repeats


def test_every_parquet_of_the_catalog_is_a_table():
    catalog = yaml.safe_load((REPOSITORY / "conf/base/catalog.yml").read_text())
    parquet = {
        name
        for name, entry in catalog.items()
        if not name.startswith(("_", "other_")) and entry.get("file_format") == "parquet"
    }
    assert set(TABLES) == parquet
    assert RESULTS not in parquet


def test_the_node_is_wired_to_every_table():
    (node,) = [node for node in create_pipeline().nodes if node.name == "build_results_database"]
    assert set(node.inputs) == {"fold_metrics", *TABLES}
    assert node.outputs == ["results_database"]


def test_tables_pass_as_they_are_and_results_are_made():
    folds = pl.DataFrame({"video_id": ["a"], "fold": [1]})
    oof_predictions = NONE.drop("method", "repeat")
    tables = gather_tables({"fold_1": METRICS}, folds=folds, oof_predictions=oof_predictions, method_predictions=NONE)
    assert list(tables) == ["folds", "oof_predictions", "method_predictions", "results"]
    assert_frame_equal(tables["folds"], folds)


def test_results_hold_a_row_a_fold_in_order_loaded_or_not():
    metrics = {f"fold_{fold}": METRICS | {"fold": fold, "f1_score": fold / 20} for fold in (10, 2, 1)}
    metrics["fold_2"] = lambda loaded=metrics["fold_2"]: loaded
    assert_frame_equal(
        results_of(metrics, NONE),
        pl.DataFrame(
            {
                "repeat": [1] * 3,
                "fold": [1, 2, 10],
                "C": [1.0] * 3,
                "kernel": ["rbf"] * 3,
                "n_train": [8] * 3,
                "n_test": [4] * 3,
            }
            | {"test_f1": [0.05, 0.1, 0.5], "test_roc_auc": pl.Series([None] * 3, dtype=pl.Float64)}
        ),
    )


def test_results_hold_the_folds_of_further_repeats():
    further = pl.DataFrame(
        [
            ("svm", repeat, fold, f"v{fold}{label}", label, "g", 0.9 if label == "fake" else 0.2)
            for repeat in (1, 2)
            for fold in (1, 2)
            for label in ("real", "fake")
        ]
        + [("majority", 2, 1, "v1real", "real", "g", 0.5)],
        schema=PREDICTION_SCHEMA,
        orient="row",
    )
    found = results_of({f"fold_{fold}": METRICS | {"fold": fold} for fold in (1, 2)}, further)
    assert found.select("repeat", "fold").rows() == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert found["test_f1"].to_list() == [0.5, 0.5, 1.0, 1.0]
    assert found.filter(repeat=2).select("C", "kernel", "n_train", "n_test").rows() == [(None, None, 2, 2)] * 2


def test_results_without_folds_are_an_empty_table():
    assert results_of({}, NONE).is_empty()


def test_metrics_that_a_fold_lacks_are_missing():
    table = results_of({"fold_1": METRICS, "fold_2": METRICS | {"fold": 2, "brier": 0.2}}, NONE)
    assert table["test_brier"].to_list() == [None, 0.2]


@pytest.mark.parametrize(("metric", "column"), [("f1_score", "test_f1"), ("roc_auc", "test_roc_auc")])
def test_a_metric_has_one_column_name_everywhere(metric, column):
    assert column_of_metric(metric) == column


def test_a_run_leaves_every_table_in_one_file(tiny_run, load_dataset):
    database = load_dataset("results_database", **tiny_run)
    assert {name for (name,) in database.sql("SHOW TABLES").fetchall()} == {*TABLES, RESULTS}
    for name in TABLES:
        assert_frame_equal(database.sql(f"FROM {name}").pl(), load_dataset(name, **tiny_run))
    cv_metrics = load_dataset("cv_metrics", **tiny_run)
    results = database.sql("FROM results").pl()
    assert_frame_equal(results.filter(repeat=1).select(cv_metrics.columns), cv_metrics)
    assert results.select("repeat", "fold").rows() == [(repeat, fold) for repeat in (1, 2) for fold in (1, 2, 3)]


def test_the_query_of_the_folds_is_answered(tiny_run, load_dataset):
    query = "SELECT fold, AVG(test_f1) AS avg_f1, STDDEV(test_f1) AS std_f1 FROM results GROUP BY fold"
    answer = load_dataset("results_database", **tiny_run).sql(query).pl().sort("fold")
    results = load_dataset("results_database", **tiny_run).sql("FROM results").pl()
    expected = results.group_by("fold").agg(avg_f1=pl.mean("test_f1"), std_f1=pl.std("test_f1")).sort("fold")
    assert_frame_equal(answer, expected)
    assert answer["std_f1"].null_count() == 0
