import json

import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from conftest import REPOSITORY
from fvc_kedro.learning.metrics import column_of_metric
from fvc_kedro.lineage import Lineage
from fvc_kedro.pipelines.reporting import create_pipeline
from fvc_kedro.pipelines.reporting.database import LINEAGE, RESULTS, TABLES, gather_tables


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
    (node,) = [node for node in create_pipeline().nodes if node.name.endswith("build_results_database")]
    assert set(node.inputs) == {*TABLES, LINEAGE}
    assert node.outputs == ["results_database"]


def test_tables_pass_as_they_are_and_results_are_the_metrics_of_the_folds():
    folds = pl.DataFrame({"video_id": ["a"], "fold": [1]})
    cv_metrics = pl.DataFrame({"repeat": [1], "fold": [1], "test_f1": [0.5]})
    given = {"folds": folds, "cv_metrics": cv_metrics}
    tables = gather_tables(Lineage(), **given)
    assert list(tables) == [*given, "results", "lineage"]
    assert tables["lineage"].is_empty()
    assert_frame_equal(tables["folds"], folds)
    assert_frame_equal(tables["results"], cv_metrics)


@pytest.mark.parametrize(("metric", "column"), [("f1_score", "test_f1"), ("roc_auc", "test_roc_auc")])
def test_a_metric_has_one_column_name_everywhere(metric, column):
    assert column_of_metric(metric) == column


def test_a_run_leaves_every_table_in_one_file(tiny_run, load_dataset):
    database = load_dataset("results_database", **tiny_run)
    assert {name for (name,) in database.sql("SHOW TABLES").fetchall()} == {*TABLES, RESULTS, LINEAGE}
    for name in TABLES:
        assert_frame_equal(database.sql(f"FROM {name}").pl(), load_dataset(name, **tiny_run))
    lineage = {row["dataset"]: row for row in database.sql("FROM lineage").pl().to_dicts()}
    assert set(TABLES) - {"scaled_features"} <= set(lineage)
    assert lineage["evaluation_summary"]["command"].startswith("kedro run ")
    assert json.loads(lineage["folds"]["made_from"]) == ["training_table"]
    assert json.loads(lineage["folds"]["changed_parameters"]) == {
        "features.segment_s": 0.25,
        "svm.n_folds": 3,
        "svm.n_repeats": 2,
    }
    results = database.sql("FROM results").pl()
    assert_frame_equal(results, load_dataset("cv_metrics", **tiny_run))
    assert results.select("repeat", "fold").rows() == [*((1, fold) for fold in (1, 2, 3)), *((2, f) for f in (4, 5, 6))]


@pytest.mark.parametrize("by", ["fold", "repeat"])
def test_the_query_of_the_folds_is_answered(tiny_run, load_dataset, by):
    query = f"SELECT {by}, AVG(test_f1) AS avg_f1, STDDEV(test_f1) AS std_f1 FROM results GROUP BY {by}"
    database = load_dataset("results_database", **tiny_run)
    answer = database.sql(query).pl().sort(by)
    results = database.sql("FROM results").pl()
    expected = results.group_by(by).agg(avg_f1=pl.mean("test_f1"), std_f1=pl.std("test_f1")).sort(by)
    assert_frame_equal(answer, expected)
    assert answer["std_f1"].null_count() == (6 if by == "fold" else 0)  # a fold is tested once
