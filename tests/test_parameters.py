import copy

import pytest
import yaml

from conftest import REPOSITORY
from fvc_kedro.parameters import ParameterError, check_parameters

DEFAULTS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())


def changed(place, value):
    parameters = copy.deepcopy(DEFAULTS)
    *groups, last = place.split(".")
    group = parameters
    for name in groups:
        group = group[name]
    group[last] = value
    return parameters


def test_the_defaults_are_valid():
    check_parameters(DEFAULTS | {"data_root": "out", "corpus_manifest": "a.csv"})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("svm.n_folds", 1),
        ("svm.n_folds", "many"),
        ("svm.grid.C", []),
        ("svm.grid.C", [1, 0]),
        ("svm.grid.kernel", ["poly"]),
        ("svm.feature_sets", ["deep"]),
        ("svm.search.fraction", 0),
        ("svm.search.mode", "none"),
        ("svm.n_fold", 5),
        ("svm.grid.kernel", ["logistic"]),
        ("svm.rbf_approximation.above_rows", -1),
        ("svm.rbf_approximation.n_components", 0),
        ("scaling.size", 255),
        ("features.num_frames", 0),
        ("features.families", ["clasic"]),
        ("execution.workers", 0),
        ("execution.engine", "cloud"),
        ("execution.timeout_s", -1),
        ("sample_corpus.crf", {"low": 30, "high": 20}),
        ("sample_corpus.pairs", 3),
        ("ingestion.limits.max_pixels", 0),
        ("tracking.enabled", "perhaps"),
        ("tracking.on_failure", "ignore"),
        ("tracking.registered_model", "fvc/svm"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(place, value):
    with pytest.raises(ParameterError) as raised:
        check_parameters(changed(place, value))
    assert place.split(".")[0] in str(raised.value)
    assert place.split(".")[1] in str(raised.value)


def test_unknown_and_missing_groups_are_named():
    with pytest.raises(ParameterError, match=r"svmm: there is no such parameter[\s\S]*svm: missing"):
        check_parameters({("svmm" if name == "svm" else name): value for name, value in DEFAULTS.items()})
