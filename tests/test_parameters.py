import copy
import re

import pytest
import yaml

from conftest import REPOSITORY
from fvc_kedro.execution import ENGINES
from fvc_kedro.parameters import RENAMED, ParameterError, check_parameters

DEFAULTS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())


def changed(place, value):
    parameters = copy.deepcopy(DEFAULTS)
    *groups, last = place.split(".")
    group = parameters
    for name in groups:
        group = group[name]
    group[int(last) if isinstance(group, list) else last] = value
    return parameters


def test_the_defaults_are_valid():
    check_parameters(DEFAULTS | {"data_root": "out", "corpus_manifest": "a.csv"})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("svm.n_folds", 1),
        ("scaling.preset", "fastest"),
        ("svm.n_folds", "many"),
        ("svm.grid.C", []),
        ("svm.grid.C", [1, 0]),
        ("svm.grid.kernel", ["poly"]),
        ("svm.feature_sets", ["deep"]),
        ("svm.search.fraction", 0),
        ("svm.search.mode", "none"),
        ("svm.n_fold", 5),
        ("svm.search.min_videos", 0),
        ("svm.grid.rbf_C", []),
        ("svm.grid.kernel", ["rbf", "rbf"]),
        ("svm.shrinkage", 0),
        ("svm.shrinkage", "some"),
        ("svm.n_inner_folds", 1),
        ("svm.grid.kernel", ["logistic"]),
        ("svm.rbf_approximation.above_rows", -1),
        ("svm.rbf_approximation.n_components", 0),
        ("scaling.size", 255),
        ("features.num_frames", 0),
        ("features.families", ["clasic"]),
        ("execution.workers", 0),
        ("execution.engine", "cloud"),
        ("execution.timeout_s", -1),
        ("sample_corpus.rate", {"low": 0.9, "high": 0.4}),
        ("sample_corpus.pairs", 6),
        ("sample_corpus.rate.low", 0),
        ("sample_corpus.rate.low", -1),
        ("sample_corpus.length_s.low", 0),
        ("sample_corpus.length_s.high", -1),
        ("sample_corpus.scales", [0]),
        ("ingestion.limits.max_pixels", 0),
        ("reporting.query_memory_mb", 255),
        ("cross_corpus.alignment", "some"),
        ("cross_corpus.prior_videos", 0),
        ("cross_corpus.few_groups", 0),
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


def floats_of(group, place=""):
    """Places of the numbers with a point, also in lists."""
    for name, value in group.items() if isinstance(group, dict) else enumerate(group):
        if isinstance(value, dict | list):
            yield from floats_of(value, f"{place}{name}.")
        elif isinstance(value, float):
            yield f"{place}{name}"


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
@pytest.mark.parametrize(
    "place", [*floats_of(DEFAULTS), "cross_corpus.prior_videos", "execution.timeout_s", "ingestion.limits.max_seconds"]
)
def test_every_number_is_finite(place, number):
    with pytest.raises(ParameterError, match=re.escape(place)):
        check_parameters(changed(place, number))


def test_unknown_and_missing_groups_are_named():
    with pytest.raises(ParameterError, match=r"svmm: there is no such parameter[\s\S]*svm: missing"):
        check_parameters({("svmm" if name == "svm" else name): value for name, value in DEFAULTS.items()})


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_there_is_may_be_chosen(engine):
    check_parameters(changed("execution.engine", engine))


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("svm.families", ["noise"], "svm.experts"),
        ("svm.n_features", 40, "all columns are used"),
        ("svm.segment_score", "mean", "the mean over its segments"),
        ("svm.n_calibration_folds", 3, "svm.n_inner_folds"),
        ("svm.search.n_folds", 3, "svm.n_inner_folds"),
    ],
)
def test_an_old_name_is_refused_with_what_became_of_it(old, value, new):
    with pytest.raises(ParameterError) as raised:
        check_parameters(changed(old, value))
    (line,) = str(raised.value).splitlines()[1:]
    assert line.startswith(f"- {old}: there is no such parameter any more; ")
    assert new in line


def test_every_old_name_is_gone_and_the_new_ones_named_exist():
    for old, new in RENAMED.items():
        for name in (old, *re.findall(r"svm\.\w+", new)):
            group = DEFAULTS
            for step in name.split(".")[:-1]:
                group = group[step]
            assert (name.rpartition(".")[2] in group) == (name != old)


@pytest.mark.parametrize(
    ("experts", "message"),
    [
        ({"one": ["classical"]}, r"svm\.experts\.one: .*unknown parts \['classical'\]; there are .*'region\.face'"),
        ({"one": ["region.mouth"]}, r"svm\.experts\.one: .*unknown parts \['region\.mouth'\]"),
        ({"one": ["noise", "noise"]}, r"svm\.experts\.one: .*stands twice"),
        ({"one": []}, r"svm\.experts\.one: .*at least 1 item"),
        ({"one": "noise"}, r"svm\.experts\.one: .*valid list"),
        ({"probability": ["noise"]}, r"'probability', which names a column of a table"),
        ({"repeat": ["noise"]}, r"'repeat', which names a column of a table"),
        ({"scaled_copy": ["noise"]}, r"may not be named 'scaled_copy'"),
        ({"Whole picture": ["noise"]}, r"svm\.experts\.Whole picture\S*: .*pattern"),
        ({"one": ["scaled_copy"]}, r"svm\.experts: \['scaled_copy'\] are not measured: add them to features\.families"),
        ({"one": ["noise", "faces"], "two": ["dct"]}, "unknown parts"),
        ({}, "at least one expert"),
        ({"one": None}, "at least one expert"),
    ],
)
def test_wrong_experts_are_named(experts, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(changed("svm.experts", experts))


def test_experts_of_families_that_are_not_measured_are_refused_unless_left_out():
    parameters = changed("features.families", ["noise", "region"])
    with pytest.raises(ParameterError, match=r"'chroma'.*are not measured"):
        check_parameters(parameters)
    parameters["svm"]["experts"]["whole_picture"] = None
    check_parameters(parameters)
    parameters["svm"]["experts"]["whole_picture"] = ["noise"]
    check_parameters(parameters)


def test_without_original_features_no_expert_is_needed():
    parameters = changed("svm.experts", {"whole_picture": None})
    parameters["svm"]["feature_sets"] = ["scaled"]
    check_parameters(parameters)


@pytest.mark.parametrize("value", ["maybe", "no", 2])
def test_what_may_lie_outside_is_true_or_false(value):
    with pytest.raises(ParameterError, match=rf"- allow_outside: write true or false \(got {value!r}\)"):
        check_parameters(DEFAULTS | {"allow_outside": value})
    check_parameters(DEFAULTS | {"allow_outside": False})
