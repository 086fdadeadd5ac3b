"""What is found when results do not belong together, on records made by hand."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvc_kedro import lineage as module
from fvc_kedro.lineage import Content, DatasetRecord, Lineage, RunRecord, differences, few, flatten


def record(pipeline, run="1", inputs=(), content="same", parameters=None):
    made = DatasetRecord(
        node=f"{pipeline}.node",
        pipeline=pipeline,
        module="fvc_kedro.lineage",
        run=run,
        code="code",
        parameters=parameters or {},
        inputs={name: Content(digest, ()) for name, digest in inputs},
        content=Content(content, ()),
    )
    return made.made_from({}, {})


def chain(**changes):
    """Features, models made from them, and a report on both."""
    records = {
        "features": record("measure", inputs=[("manifest", "m")]),
        "models": record("train", run="2", inputs=[("features", "same")], parameters={"svm.n_folds": 5}),
        "report": record("report", run="3", inputs=[("models", "same"), ("features", "same")]),
    }
    contents = {name: Content("same", ()) for name in records} | changes.pop("contents", {})
    runs = {run: RunRecord(run, f"day {run}", f"command {run}", "") for run in "123"}
    return Lineage(
        records, runs, contents, changes.pop("sources", {}), {"fvc_kedro.lineage": changes.pop("code", "code")}
    )


def kinds(lineage, *datasets, **more):
    return [(finding.dataset, finding.kind) for finding in lineage.findings(*datasets, **more)]


def test_results_that_belong_together_have_no_findings():
    assert kinds(chain(), "report") == []
    assert chain().outdated("report") == []


def test_inputs_come_before_what_is_made_from_them():
    assert chain().ancestry("report") == ["features", "models", "report"]
    assert chain().ancestry("models", "unknown") == ["features", "models"]
    assert chain().pipelines(["report", "features", "models"]) == ["measure", "train", "report"]


def test_records_that_name_each_other_end(tmp_path):
    records = {"a": record("first", inputs=[("b", "same")]), "b": record("second", inputs=[("a", "same")])}
    lineage = Lineage(records, {}, dict.fromkeys(records, Content("same", ())), code={"fvc_kedro.lineage": "code"})
    assert lineage.findings("a") == []
    assert lineage.pipelines(["a", "b"]) == ["first", "second"]
    assert Content.of([tmp_path]) is None


def test_what_is_made_from_something_that_was_made_anew_is_out_of_date():
    lineage = chain(contents={"models": Content("other", ())})
    lineage = replace(
        lineage, records=lineage.records | {"models": replace(lineage.records["models"], content=Content("other", ()))}
    )
    assert kinds(lineage, "report") == [("report", "other_inputs")]
    assert "models" in lineage.findings("report")[0].text
    assert lineage.outdated("report") == ["report"]
    assert lineage.outdated("models") == []


def test_what_is_made_from_what_is_out_of_date_is_out_of_date_too():
    records = dict(chain().records) | {"features": record("measure", content="new")}
    records["report"] = record("report", inputs=[("models", "same")])
    lineage = replace(chain(contents={"features": Content("new", ())}), records=records)
    assert lineage.outdated("report") == ["models", "report"]
    assert lineage.pipelines(lineage.outdated("report")) == ["train", "report"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"svm.n_folds": 3}, "svm.n_folds=3"),
        ({"svm.n_folds": 3}, {}, ""),
        ({"evaluation.seed": 1}, {}, "evaluation.seed=1"),
        ({"evaluation.seed": 1, "svm.n_folds": 3}, {"svm.n_folds": 2}, "evaluation.seed=1,svm.n_folds=2"),
    ],
)
def test_results_are_renewed_with_the_parameters_of_the_present_models_and_their_own(before, after, expected):
    records = dict(chain().records)
    used = {"svm.n_folds": 5} | after
    records["models"] = replace(record("train", content="new"), parameters=used, changed_parameters=after)
    records["report"] = replace(records["report"], changed_parameters=before)
    lineage = replace(chain(contents={"models": Content("new", ())}), records=records)
    outdated = lineage.outdated("report")
    assert outdated == ["report"]
    command = "kedro run --pipelines report --params " + ",".join([*([expected] if expected else []), "data_root=/out"])
    assert lineage.renewing_command(outdated, {"data_root": "/out"}) == command


def test_a_command_that_reads_a_manifest_names_the_one_that_was_read():
    source = Content("m", (("/my/manifest.csv", 1, 1),))
    checked = DatasetRecord("n", "ingestion", "m", "1", "c", {}, {"corpus_manifest": source}, Content("same", ()))
    lineage = Lineage({"checked_manifest": checked}, {}, {"checked_manifest": None})
    command = "kedro run --pipelines ingestion --params corpus_manifest=/my/manifest.csv"
    assert lineage.renewing_command(["checked_manifest"], {}) == command
    assert Lineage().manifest("checked_manifest") is None


def test_a_file_that_is_gone_is_missing_and_makes_nothing_else_out_of_date():
    lineage = chain(contents={"models": None})
    assert kinds(lineage, "report") == [("models", "missing")]
    assert lineage.outdated("report") == []


def test_a_file_changed_by_hand_is_found_and_what_was_made_from_it_before_or_after_fits():
    lineage = chain(contents={"features": Content("edited", ())})
    assert kinds(lineage, "models") == [("features", "altered")]
    retrained = record("train", inputs=[("features", "edited")])
    lineage = replace(lineage, records=dict(lineage.records) | {"models": retrained})
    assert kinds(lineage, "models") == [("features", "altered")]
    other = record("train", inputs=[("features", "neither")])
    lineage = replace(lineage, records=dict(lineage.records) | {"models": other})
    assert kinds(lineage, "models") == [("features", "altered"), ("models", "other_inputs")]


def test_a_source_that_has_changed_is_found_and_one_that_is_gone_is_not_missed():
    changed = chain(sources={("features", "manifest"): Content("edited", ())})
    assert kinds(changed, "report") == [("features", "other_inputs")]
    assert changed.outdated("report") == ["features", "models", "report"]
    assert kinds(chain(sources={("features", "manifest"): None}), "report") == []


def test_other_code_is_found():
    assert {kind for _, kind in kinds(chain(code="later"), "report")} == {"other_code"}


def test_other_parameters_are_found_only_when_asked_for():
    assert kinds(chain(), "report", parameters={"svm.n_folds": 5, "svm.seed": 1}) == []
    assert kinds(chain(), "report", parameters={"svm.n_folds": 3}) == [("models", "other_parameters")]
    assert "svm.n_folds=5 (now 3)" in chain().findings("report", parameters={"svm.n_folds": 3})[0].text


@pytest.mark.parametrize(
    "change",
    [
        {"code": "other"},
        {"parameters": {"svm.n_folds": 3}},
        {"inputs": {"features": Content("other", ())}},
        {"node": "other.node"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_fingerprint_tells_content_parameters_and_code(change):
    features = record("measure")
    made = chain().records["models"]
    known = {"features": features}
    before, after = made.made_from(known, {}), replace(made, **change).made_from(known, {})
    assert before.fingerprint == made.made_from(known, {}).fingerprint
    assert before.fingerprint != after.fingerprint


def test_the_fingerprint_goes_back_through_what_runs_have_made():
    features = record("measure")
    other = replace(features, code="other").made_from({}, {})
    models = chain().records["models"]
    assert (
        models.made_from({"features": features}, {}).fingerprint
        != models.made_from({"features": other}, {}).fingerprint
    )


def test_changed_parameters_are_handed_on_and_only_those_that_had_a_part():
    changed = {"features.num_frames": 200, "svm.n_folds": 3}
    features = replace(record("measure"), parameters={"features.num_frames": 200}).made_from({}, changed)
    assert features.changed_parameters == {"features.num_frames": 200}
    models = chain().records["models"].made_from({"features": features}, {"svm.n_folds": 3, "scaling.size": 64})
    assert models.changed_parameters == {"features.num_frames": 200, "svm.n_folds": 3}


def test_runs_behind_results_come_latest_first_with_what_they_made():
    assert [(run.run, made) for run, made in chain().runs_behind("report")] == [
        ("3", ["report"]),
        ("2", ["train"]),
        ("1", ["measure"]),
    ]
    assert chain().run_of("models").run == "2"
    assert chain().run_of("unknown") is None


def test_content_is_read_again_only_when_size_or_time_differ(tmp_path, monkeypatch):
    path = tmp_path / "table"
    path.write_bytes(b"first")
    content = Content.of([path])
    monkeypatch.setattr(module, "digest_of_file", lambda path: pytest.fail("read again"))
    assert Content.of([path], content) is content
    monkeypatch.undo()
    os.utime(path, ns=(1, 1))
    assert Content.of([path], content).digest == content.digest
    path.write_bytes(b"other")
    assert Content.of([path], content).digest != content.digest


def test_content_of_several_files_is_that_of_all(tmp_path):
    paths = [tmp_path / name for name in "ba"]
    for path in paths:
        path.write_bytes(path.name.encode())
    content = Content.of(paths)
    assert content.digest == Content.of(paths[::-1]).digest
    paths[0].write_bytes(b"other")
    assert Content.of(paths).digest != content.digest
    paths[0].unlink()
    assert Content.of(paths) is None
    assert Content.of([]) is None


names = st.text("abc", min_size=1, max_size=2)


@given(st.recursive(st.integers(), lambda inner: st.dictionaries(names, inner, min_size=1), max_leaves=8))
def test_flattened_values_keep_every_leaf(tree):
    def leaves(value):
        return [leaf for inner in value.values() for leaf in leaves(inner)] if isinstance(value, dict) else [value]

    assert sorted(flatten({"root": tree}).values()) == sorted(leaves(tree))


def test_differences_are_of_names_in_both():
    assert differences({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "d": 4}) == {"b": (2, 3)}


def test_long_lists_are_cut():
    assert few(["a", "b"]) == "a, b"
    assert few([str(number) for number in range(9)]) == "0, 1, 2, 3, 4, 5 and 3 more"
