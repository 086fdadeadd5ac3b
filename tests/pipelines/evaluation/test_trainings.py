"""What the evaluation says of its trainings before the first of them."""

import logging

import polars as pl
import pytest
from kedro.framework.project import configure_project, pipelines

from evaluations import EVALUATION, SVM, folds_of, index_of, key_table, segments_of, training_of, untrained
from fvc_kedro.pipelines.evaluation.ablation import plan_ablation
from fvc_kedro.pipelines.evaluation.comparison import plan_comparison
from fvc_kedro.pipelines.evaluation.corpora import plan_corpora
from fvc_kedro.pipelines.evaluation.learning_curve import plan_learning_curve
from fvc_kedro.pipelines.evaluation.permutation import plan_permutations
from fvc_kedro.pipelines.evaluation.trainings import announce_trainings, count_trainings
from trials import SERIAL

KEYS = key_table()
TABLE = training_of(segments_of(KEYS, families=("bitstream", "chroma", "classic")))
FOLDS = folds_of(KEYS)
DETECTOR = untrained(TABLE)


@pytest.mark.parametrize("changes", [{}, {"n_permutations": 0, "learning_curve": []}, {"max_rows": 1}])
def test_the_count_is_that_of_the_trainings_asked_for(changes):
    settings = EVALUATION | changes
    batches = {
        "baselines": plan_comparison(TABLE, index_of(KEYS), FOLDS, DETECTOR, SERIAL),
        "learning curve": plan_learning_curve(TABLE, FOLDS, DETECTOR, settings, SERIAL),
        "ablation": plan_ablation(TABLE, FOLDS, DETECTOR, settings, SERIAL),
        "permutations": plan_permutations(TABLE, DETECTOR, SVM, settings, SERIAL),
    }
    planned = {name: len(batch.trials) for name, batch in batches.items() if batch.trials}
    assert count_trainings(TABLE, FOLDS, DETECTOR, settings) == planned


def test_trainings_between_corpora_are_counted():
    keys = KEYS.with_columns(corpus=pl.when(pl.col("group") < "g06").then(pl.lit("a")).otherwise(pl.lit("b")))
    table = training_of(segments_of(keys, families=("bitstream", "chroma", "classic")))
    batch = plan_corpora(table, index_of(keys), DETECTOR, SVM, SERIAL)
    assert count_trainings(table, folds_of(keys), DETECTOR, EVALUATION)["corpora"] == len(batch.trials)


def test_the_number_and_the_remedy_are_told(caplog):
    caplog.set_level(logging.INFO)
    announce_trainings(TABLE, FOLDS, DETECTOR, EVALUATION | {"max_rows": 1})
    announce_trainings(TABLE, FOLDS, DETECTOR, EVALUATION | {"n_permutations": 19})
    few, many = caplog.messages
    assert few == "The evaluation takes 14 trainings, less those that an earlier run has kept: 14 baselines"
    assert ", 19 permutations (--params evaluation.n_permutations=0 leaves the permutation test and its 19 out)" in many


def test_they_are_told_before_the_first():
    configure_project("fvc_kedro")
    names = [node.name for node in pipelines["__default__"].nodes]
    first = min(number for number, name in enumerate(names) if name.startswith("evaluation.cross_validate_"))
    assert names.index("evaluation.announce_trainings") < first
