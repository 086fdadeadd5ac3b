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
from fvc_kedro.pipelines.evaluation.trainings import announce_trainings, count_fits
from trials import SERIAL

KEYS = key_table()
PARTS = {
    "comparison_trials": "baselines",
    "corpus_trials": "corpora",
    "learning_curve_trials": "learning curve",
    "ablation_trials": "ablation",
    "permutation_trials": "permutations",
}


def in_corpora(n_of_first):
    """The same videos, the first groups of them in a corpus of their own."""
    is_first = pl.col("group") < f"g{n_of_first:02d}"
    return KEYS.with_columns(corpus=pl.when(is_first).then(pl.lit("a")).otherwise(pl.lit("b")))


@pytest.mark.parametrize("families", [("bitstream", "chroma"), ("bitstream", "chroma", "classic")])
@pytest.mark.parametrize("changes", [{}, {"n_permutations": 0, "learning_curve": []}, {"max_rows": 1}])
@pytest.mark.parametrize("keys", [KEYS, in_corpora(6), in_corpora(2)], ids=["one", "two", "one too small"])
def test_the_count_is_that_of_the_detectors_asked_for(keys, changes, families):
    table, folds, settings = training_of(segments_of(keys, families=families)), folds_of(keys), EVALUATION | changes
    svm, detector = SVM | {"outer": "auto"}, untrained(table)
    batches = [
        plan_comparison(table, index_of(keys), folds, detector, SERIAL),
        plan_corpora(table, index_of(keys), detector, svm, SERIAL),
        plan_learning_curve(table, folds, detector, settings, SERIAL),
        plan_ablation(table, folds, detector, settings, SERIAL),
        plan_permutations(table, detector, svm, settings, SERIAL),
    ]
    asked_for = {
        batch.description: sum(len(trial.splits) for trial in batch.trials) for batch in batches if batch.trials
    }
    assert list(count_fits(table, folds, detector, svm, settings).items()) == list(asked_for.items())


def test_the_number_and_the_remedy_are_told(caplog):
    caplog.set_level(logging.INFO)
    table = training_of(segments_of(KEYS, families=("bitstream", "chroma", "classic")))
    for changes in ({"max_rows": 1}, {"n_permutations": 19}):
        announce_trainings(table, folds_of(KEYS), untrained(table), SVM, EVALUATION | changes)
    few, many = caplog.messages
    assert few == (
        "The evaluation fits 42 detectors, less those that are equal or kept from an earlier run: 42 for baselines"
    )
    remedy = ", 57 for permutations (--params evaluation.n_permutations=0 leaves the permutation test and its 57 out)"
    assert many.endswith(remedy)


def test_they_are_told_before_the_first_in_the_order_of_the_run():
    configure_project("fvc_kedro")
    nodes = [node for node in pipelines["__default__"].nodes if node.namespace == "evaluation"]
    names = [node.name for node in nodes]
    first = min(number for number, name in enumerate(names) if name.startswith("evaluation.cross_validate_"))
    assert names.index("evaluation.announce_trainings") < first
    assert [PARTS[name] for node in nodes for name in node.outputs if name in PARTS] == list(PARTS.values())
