"""The report on made-up results: what it says first, what it never says, and that it stands alone."""

import re
from base64 import b64encode
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import polars as pl
import pytest

from evaluations import EVALUATION, PARAMETERS, SVM, folds_of, index_of, key_table
from fvc_kedro.learning.candidates import svm_candidates
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.resampling import METRICS
from fvc_kedro.learning.thresholds import Verdicts
from fvc_kedro.lineage import Content, DatasetRecord, Lineage, RunRecord
from fvc_kedro.pipelines.evaluation.ablation import ABLATION_SCHEMA
from fvc_kedro.pipelines.evaluation.comparison import COMPARISON_SCHEMA, METHODS, TEST_SCHEMA
from fvc_kedro.pipelines.evaluation.corpora import FALSE_ALARM_SCHEMA, MATRIX_SCHEMA
from fvc_kedro.pipelines.evaluation.importance import IMPORTANCE_SCHEMA
from fvc_kedro.pipelines.evaluation.permutation import PERMUTATION_SCHEMA
from fvc_kedro.pipelines.evaluation.slices import MISTAKE_SCHEMA, SLICE_SCHEMA
from fvc_kedro.pipelines.evaluation.summary import summarise_evaluation
from fvc_kedro.pipelines.reporting import create_pipeline
from fvc_kedro.pipelines.reporting.plots import PLOTS
from fvc_kedro.pipelines.reporting.report import REPORT_TABLES, TITLES, claim, figure_cell, figure_text, write_report
from fvc_kedro.pipelines.reporting.style import shown
from fvc_kedro.pipelines.svm_training.nodes import THRESHOLD_SCHEMA

PARAMETER_GROUPS = {"svm": SVM, "evaluation": EVALUATION, "reporting": PARAMETERS["reporting"]}
FAILURES = pl.DataFrame(schema={"reason": pl.String})
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
_SHOWN = (*REPORT_TABLES, *PLOTS, "evaluation_summary", "svm_detector")
_CONTENT = Content("same", ())
_RECORD = DatasetRecord("node", "svm_training", "module", "run 1", "code", {}, {}, _CONTENT, "0123456789ab")
_RUN = RunRecord("run 1", "2026-11-25T10:00:00+01:00", "kedro run --params a=<1>", "abcdef0123456789+changes")
LINEAGE = Lineage(
    dict.fromkeys(_SHOWN, _RECORD), {"run 1": _RUN}, dict.fromkeys(_SHOWN, _CONTENT), code={"module": "code"}
)
SHORTCUT = "This corpus can be solved without looking at a pixel"


def comparison(**changes):
    """Made-up figures, all different, and those given as method__metric=(value, low, high)."""
    rows, number = [], 0
    for method in METHODS:
        for metric in METRICS:
            number += 1
            value = 0.45 + 0.1 * np.sin(number) if method.startswith("metadata") else 0.7 + 0.1 * np.sin(number)
            figures = changes.get(f"{method}__{metric}", (value, value - 0.113, value + 0.107))
            differences = (0.0, 0.0, 0.0) if method == "svm" else (value - 0.75, -0.3, 0.211)
            rows.append((method, metric, *figures, *differences))
    return pl.DataFrame(rows, schema=COMPARISON_SCHEMA, orient="row")


def permutations(n=99, as_good=0):
    rows = [(0, 0.9, 0.9), *((i, 0.95 if i <= as_good else 0.5, 0.4) for i in range(1, n + 1))]
    return pl.DataFrame(rows if n else [], schema=PERMUTATION_SCHEMA, orient="row")


def tables(keys):
    names = [("svm", m) for m in METHODS if m != "svm"]
    slices = [
        ("platform", "youtube", 20, 30, 9, False, 0.612, 0.5, 0.7, 0.25, 0.2, 0.3, 0.125, 0.1, 0.2),
        ("platform", "<b>x</b>", 0, 3, 2, True, None, None, None, None, None, None, 0.5, 0.4, 0.6),
    ]
    mistakes = [
        (1, "v000", "a&b.mp4", "real", "g00", "one", "", "", 0.987),
        (2, "v001", "c.mp4", "fake", "g00", "one", None, None, 0.1),
    ]
    ablation = [("default", "default", 9, 0.7, 0.6, 0.8, None, 0.0, 0.0, 0.0)]
    ablation += [("chroma", "alone", 5, 0.651, 0.6, 0.7, 0.5, -0.049, -0.1, 0.02)]
    of_folds = [(1, 1, 0.6), (1, 2, None), (1, 3, 0.8), (2, 4, 0.7), (2, 5, 0.7), (2, 6, 0.7)]
    folds = pl.DataFrame(of_folds, schema=["repeat", "fold", "test_roc_auc"], orient="row").with_columns(
        kernel=pl.lit("rbf"), C=0.1, n_train=32, n_test=16, test_f1=0.5, test_accuracy=0.6
    )
    return {
        "corpus_index": index_of(keys),
        "rejected_videos": FAILURES,
        "failed_videos": FAILURES,
        "failed_scaled_videos": FAILURES,
        "folds": folds_of(keys),
        "cv_metrics": folds,
        "oof_predictions": folds_of(keys).with_columns(probability=0.5),
        "method_predictions": folds_of(keys).with_columns(method=pl.lit("svm"), probability=0.5),
        "thresholds": pl.DataFrame(
            [(0.01, None, 99, None, None), (0.05, 0.8123, 19, 0.04, 0.31)], schema=THRESHOLD_SCHEMA, orient="row"
        ),
        "method_tests": pl.DataFrame([(m, 9, 5, 0.4, 0.8) for _, m in names], schema=TEST_SCHEMA, orient="row"),
        "family_ablation": pl.DataFrame(ablation, schema=ABLATION_SCHEMA, orient="row"),
        "family_importance": pl.DataFrame([("chroma", 5, 0.1, 0.0, 0.2)], schema=IMPORTANCE_SCHEMA, orient="row"),
        "slices": pl.DataFrame(slices, schema=SLICE_SCHEMA, orient="row"),
        "mistakes": pl.DataFrame(mistakes, schema=MISTAKE_SCHEMA, orient="row"),
        "corpus_matrix": pl.DataFrame(schema=MATRIX_SCHEMA),
        "corpus_false_alarms": pl.DataFrame(schema=FALSE_ALARM_SCHEMA),
    }


def make_detector(verdicts=None, experts=None):
    generator = np.random.default_rng(0)
    table = pl.DataFrame({"a": generator.normal(size=40), "b": generator.normal(size=40), "c": [None] * 39 + [1.0]})
    detector = VideoDetector(experts or {"picture": ["a", "b"]}, svm_candidates(["linear"], [1.0], [], 0))
    detector.fit(table, np.tile([0, 1], 20))
    detector.verdicts_ = verdicts
    return detector


DETECTOR = make_detector(Verdicts(0.2, 0.8, 0.05, 0.1, 0.04, 0.12))


OF_ONE_CORPUS = [name for name in PLOTS if name != "corpus_matrix_plot"]


def report(
    compared=None,
    permuted=None,
    n_groups=24,
    svm=SVM,
    evaluation=EVALUATION,
    detector=DETECTOR,
    lineage=LINEAGE,
    **changes,
):
    keys = key_table(n_groups)
    compared = comparison() if compared is None else compared
    permuted = permutations() if permuted is None else permuted
    inputs = tables(keys) | {"method_comparison": compared} | changes
    assert set(inputs) == set(REPORT_TABLES)
    judged = [inputs[name] for name in ("cv_metrics", "folds", "corpus_matrix", "rejected_videos", "failed_videos")]
    summary = summarise_evaluation(compared, permuted, *judged, svm, evaluation)
    plots = {name: b"\x89PNG" + name.encode() for name in PLOTS}
    return write_report(
        inputs, summary, detector, plots, PARAMETER_GROUPS | {"svm": svm, "evaluation": evaluation}, lineage
    )


class Page(HTMLParser):
    """Text, ids, links, pictures and tables of a page; every tag must be closed."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.addresses, self.pictures, self.tables, self.texts = [], set(), [], [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        self.ids |= {about["id"]} if "id" in about else set()
        self.addresses += [about[name] for name in ("href", "src", "srcset", "action", "data") if name in about]
        self.pictures += [about["src"]] if tag == "img" else []
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.texts.append(data)
        if self.open and "table" in self.open and ("td" in self.open or "th" in self.open):
            self.tables[-1][-1][-1] += data

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def table_with(self, head):
        (found,) = (table for table in self.tables if head in table[0])
        return found


def lead(page):
    """What stands before the first chapter."""
    return page.text.split("The corpus label")[0]


def test_figures_are_written_with_their_interval():
    assert figure_text(0.5734, 0.518, 0.63912) == "0.573 (0.518 to 0.639)"
    assert figure_text(None, 0.1, 0.2) == DASH
    assert figure_text(0.5, None, 0.6) == "0.500"
    assert figure_text(-0.05, -0.1, 0.0123, signed=True) == "-0.050 (-0.100 to +0.012)".replace("-", MINUS)
    assert figure_text(0.05, 0.0, 0.1, signed=True).startswith("+0.050 (+0.000 to")
    assert figure_text(-0.0001) == "0.000"


def test_every_metric_has_a_title():
    assert list(TITLES) == list(METRICS)


def test_the_template_shows_every_plot_once_and_no_other():
    template = (files("fvc_kedro.pipelines.reporting") / "report.html.jinja").read_text(encoding="utf-8")
    assert sorted(re.findall(r"plot\(([^)]*)\)", template)) == sorted(
        ["name", "name", *(f'"{name}"' for name in PLOTS)]
    )


def test_every_plot_is_drawn_by_a_node_and_goes_into_the_report():
    made = {output: set(node.inputs) for node in create_pipeline().nodes for output in node.outputs}
    for name, plot in PLOTS.items():
        assert name.endswith("_plot")  # the catalog's pattern
        assert made[name] == set(plot.inputs)
    assert set(PLOTS) <= made["evaluation_report"]


def test_a_plot_stands_above_its_caption():
    html = report()
    for name in OF_ONE_CORPUS:
        plot = PLOTS[name]
        picture = b64encode(b"\x89PNG" + name.encode()).decode()
        shown = re.search(f'{re.escape(picture)}"[^>]*>(?:</div>)?<figcaption>([^<]*)', html)
        assert unescape(shown.group(1)) == plot.caption


def test_a_whole_report_stands_alone():
    html = report()
    page = Page(html)
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert "url(" not in html
    assert "<script" not in html
    assert len(page.pictures) == len(OF_ONE_CORPUS)
    assert all(re.fullmatch(r"data:image/png;base64,[A-Za-z0-9+/=]+", picture) for picture in page.pictures)
    for address in page.addresses:
        assert address.startswith("data:") or address.removeprefix("#") in page.ids
    assert "None" not in page.text
    assert not re.search(r"\bnan\b", page.text)


def test_every_figure_of_the_comparison_is_that_of_the_table():
    compared = comparison()
    first, further = (table for table in Page(report(compared)).tables if table[0][0] == "method")
    names = [shown(method) for method in METHODS]
    assert [row[0] for row in first[1:]] == [row[0] for row in further[1:]] == names
    assert first[0] == ["method", "AUC, pooled", "difference", "AUC within groups", "difference", "McNemar p (Holm)"]
    metrics = {title: metric for metric, title in TITLES.items()}
    for place, method in enumerate(METHODS, start=1):
        for head, row in ((first[0], first[place]), (further[0], further[place])):
            for column, name in enumerate(head):
                if name not in metrics:
                    continue
                one = compared.filter(method=method, metric=metrics[name]).row(0, named=True)
                assert row[column] == figure_text(one["value"], one["low"], one["high"])
                if head is first[0]:
                    bounds = (one["difference"], one["difference_low"], one["difference_high"])
                    assert row[column + 1] == ("" if method == "svm" else figure_text(*bounds, signed=True))
        assert first[place][-1] == ("" if method == "svm" else "0.800")


def test_what_was_measured_beforehand_heads_the_page_and_no_point_of_the_roc_curve():
    rates = [(0.01, None, 99, None, None), (0.05, 0.9, 19, None, None), (0.1, 0.8, 9, 0.021, 0.317)]
    page = Page(report(thresholds=pl.DataFrame(rates, schema=THRESHOLD_SCHEMA, orient="row")))
    assert "Fakes found31.7 %" in lead(page)
    assert "for a false positive rate of 10 % (it made 2.1 %)" in lead(page)
    assert [row[-1] for row in page.table_with("threshold")] == ["fakes found", DASH, DASH, "31.7 %"]
    assert len(re.findall("fakes found", page.text, re.IGNORECASE)) == 2  # the card and the column of that figure


def test_without_a_measured_threshold_none_heads_the_page():
    rates = [(0.05, None, 19, None, None), (0.1, 0.8, 9, None, None)]
    page = Page(report(thresholds=pl.DataFrame(rates, schema=THRESHOLD_SCHEMA, orient="row")))
    assert "Fakes found" not in page.text


def test_the_detector_is_named_so_in_every_table():
    page = Page(report())
    assert page.table_with("columns")[1][0] == "detector"
    assert page.table_with("difference")[1][0] == "detector (svm)"
    assert page.table_with("columns")[0][3] == "AUC, pooled, first repeat"  # and not that of the mean over all


def test_intervals_stand_apart_from_their_figures():
    assert figure_cell(0.5734, 0.518, 0.639) == "0.573 <small>(0.518 to 0.639)</small>"
    assert figure_cell(None) == DASH
    assert figure_cell(0.5) == "0.500"


def test_methods_that_are_not_there_are_named():
    assert "Not there" not in Page(report()).text
    without = comparison().filter(~pl.col("method").is_in(["single_svm", "gradient_boosting"]))
    assert "Not there, for reasons in the log: single svm, gradient boosting." in Page(report(without)).text


def test_the_figures_of_the_detector_are_listed_whole():
    compared = comparison()
    rows = Page(report(compared)).table_with("metric")[1:]
    own = compared.filter(method="svm")
    assert [row[0] for row in rows] == list(TITLES.values())
    assert [row[1] for row in rows] == [figure_text(*one) for one in own.select("value", "low", "high").rows()]


def test_a_plain_report_leads_with_the_area_and_warns_of_nothing():
    page = Page(report(comparison(svm__roc_auc=(0.8, 0.7, 0.9))))
    assert not {"shortcut", "optimistic", "few-groups"} & page.ids
    assert "optimistic" not in lead(page)
    assert SHORTCUT not in page.text
    assert "0.800" in lead(page)
    assert "No video was left out." in page.text


def test_few_groups_lead_with_the_p_value():
    html = report(n_groups=12)
    page = Page(html)
    assert "few-groups" in page.ids
    assert lead(page).index("p = 0.010") < lead(page).index("AUC, pooled")
    assert re.search(r'class="card lead">Permutation test<b>p = 0.010</b>', html)
    assert html.count("card lead") == 1


def test_few_groups_are_not_above_chance_by_their_interval():
    sure = report(comparison(svm__roc_auc=(0.8, 0.7, 0.9)), permutations(as_good=40), n_groups=12)
    other = report(comparison(svm__roc_auc=(0.8, 0.4, 0.9)), permutations(), n_groups=12)
    assert lead(Page(sure)) != lead(Page(other))
    assert "0.410" in lead(Page(sure))


def test_without_permutations_none_is_claimed():
    page = Page(report(permuted=permutations(0), n_groups=12))
    assert (
        "it was not done (evaluation.n_permutations is 0, or there are more rows than evaluation.max_rows)" in page.text
    )
    assert "Permutation test not done" in lead(page).replace("testnot", "test not")
    assert "p =" not in lead(page)


def test_a_tiny_p_value_is_never_written_as_nought():
    page = Page(report(permuted=permutations(9999), n_groups=12))
    assert "p = 0.000" not in page.text
    assert "p < 0.001" in lead(page)
    tests = pl.DataFrame([("majority", 90, 1, 1e-20, 1e-19)], schema=TEST_SCHEMA, orient="row")
    rows = Page(report(method_tests=tests)).table_with("difference")
    assert rows[2][-1] == "< 0.001"


def test_a_shortcut_is_the_first_thing_said():
    shortcut = comparison(metadata_boosting__roc_auc=(0.91, 0.83, 0.97))
    page = Page(report(shortcut))
    assert SHORTCUT in page.text
    assert "AUC of 0.910 (0.830 to 0.970)" in page.text
    assert page.text.index(SHORTCUT) < page.text.index("AUC, pooled")
    assert "shortcut" in page.ids


def test_metadata_that_tell_a_little_are_weighed_against():
    page = Page(report(comparison(metadata_boosting__roc_auc=(0.6, 0.55, 0.65))))
    assert "Metadata alone carry part of the answer" in page.text
    assert SHORTCUT not in page.text


KNOWN = {"roc_auc": 0.6, "roc_auc_low": 0.55, "roc_auc_p_value": 0.001, "n_permutations": 999.0, "few_groups": 0.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Better than chance"),
        ({"roc_auc_low": 0.49}, "Not shown to be better than chance"),
        ({"roc_auc_low": 0.49, "few_groups": 1.0}, "Better than chance"),
        ({"roc_auc_p_value": 0.04}, "Better than chance"),
        ({"roc_auc_p_value": 0.04, "few_groups": 1.0}, "Some sign of being better than chance, no more"),
        ({"roc_auc_p_value": 0.06}, "Not shown to be better than chance"),
        ({"roc_auc": 0.45, "roc_auc_low": 0.51}, "Not better than chance"),
        (
            {"roc_auc_p_value": None},
            "Not tested against chance (evaluation.n_permutations is 0 or evaluation.max_rows exceeded), though",
        ),
        (
            {"roc_auc_p_value": None, "few_groups": 1.0},
            "Not tested against chance (evaluation.n_permutations is 0 or evaluation.max_rows exceeded)",
        ),
        ({"n_permutations": 18.0, "roc_auc_p_value": 1 / 19}, "Too few permutations to tell"),
        ({"roc_auc": None}, "Not judged"),
    ],
)
def test_what_may_be_claimed(changes, said):
    assert claim(KNOWN | changes).startswith(said)


def test_a_search_on_the_test_videos_is_called_optimistic():
    page = Page(report(svm=SVM | {"search": SVM["search"] | {"mode": "global"}}))
    assert "These figures are optimistic" in lead(page)
    assert "once on all videos" in page.text
    assert "inner folds of whole groups" not in page.text


def test_the_grid_is_told_with_the_strengths_of_each_kernel():
    grid = {"kernel": ["rbf", "linear"], "C": [0.001, 0.1], "rbf_C": [1, 10]}
    assert (
        "C and kernel (rbf: 1.0, 10.0; linear: 0.001, 0.1) were searched" in Page(report(svm=SVM | {"grid": grid})).text
    )


def test_the_folds_of_all_repeats_are_listed():
    head, *rows = Page(report()).table_with("repeat")
    assert head[:4] == ["repeat", "fold", "kernel", "C"]
    assert [row[:2] for row in rows] == [["1", "1"], ["1", "2"], ["1", "3"], ["2", "4"], ["2", "5"], ["2", "6"]]
    assert [row[6] for row in rows[:3]] == ["0.600", DASH, "0.800"]
    assert "The models of the first 3 folds are kept" in Page(report()).text


def test_parts_of_the_features_are_listed_by_what_they_reach_alone():
    rows = Page(report()).table_with("columns")[1:]
    assert rows[0][:4] == ["detector", "whole", "9", "0.700 (0.600 to 0.800)"]
    assert rows[1][:4] == ["chroma", "alone", "5", "0.651 (0.600 to 0.700)"]


def test_experts_are_named_with_their_features_and_whether_they_were_trained():
    text = Page(report()).text
    assert "kernel linear, C = 1.0, on 2 features" in text
    assert "Experts: picture (2 features)." in text
    detector = make_detector(experts={"whole_picture": ["a", "b"], "face": ["c"]})
    text = Page(report(detector=detector)).text
    assert (
        "Experts: whole picture (2 features), face (1 features, not trained: too few groups or constant columns)."
        in text
    )


def test_less_than_always_fake_is_said():
    worse = comparison(svm__f1_score=(0.6, 0.5, 0.7), svm__f1_always_fake=(0.667, 0.6, 0.7))
    assert "below-always-fake" in Page(report(worse)).ids
    better = comparison(svm__f1_score=(0.7, 0.5, 0.7), svm__f1_always_fake=(0.667, 0.6, 0.7))
    assert "below-always-fake" not in Page(report(better)).ids


def test_videos_left_out_are_told_with_reasons_that_cannot_break_the_page():
    reason = '<script>alert("x")</script> & <img src="http://x.y/z.png">'
    html = report(
        rejected_videos=pl.DataFrame({"reason": [reason, reason, "empty"]}),
        failed_scaled_videos=pl.DataFrame({"reason": ["</td></table>"]}),
    )
    page = Page(html)
    assert "<script" not in html
    assert len(page.pictures) == len(OF_ONE_CORPUS)
    rows = page.table_with("reason")[1:]
    assert rows == [["2", "rejected", reason], ["1", "not scaled", "</td></table>"], ["1", "rejected", "empty"]]


def test_names_of_a_corpus_are_escaped_wherever_they_stand():
    keys = key_table(24)
    evil = index_of(keys, platform=["<i>p</i>"] * len(keys), manipulation=["<i>m</i>"] * len(keys))
    html = report(corpus_index=evil)
    assert "<i>" not in html
    assert "<b>x</b> (small)" in Page(html).text
    assert "<b>x</b>" not in html
    assert "a&b.mp4" in Page(html).text


def test_what_a_manifest_leaves_out_is_called_not_stated():
    keys = key_table(24)
    page = Page(report(corpus_index=index_of(keys, platform=[""] * len(keys), manipulation=[""] * len(keys))))
    assert "Platforms: not stated 96" in page.text
    assert "Manipulations: not stated 48" in page.text


def test_figures_that_are_not_known_are_dashes():
    nothing = comparison(svm__mean_group_auc=(None, None, None), svm__roc_auc=(0.7, None, None))
    page = Page(report(nothing))
    assert dict(page.table_with("metric")[1:])["AUC within groups"] == DASH
    assert "no group holds both classes" in page.text
    assert "too few groups for an interval" in page.text
    small = page.table_with("slice")[2]
    assert small[1] == "<b>x</b> (small)"
    assert small[5:7] == [DASH, DASH]


def test_empty_tables_are_said_to_be_empty():
    page = Page(
        report(
            family_ablation=pl.DataFrame(schema=ABLATION_SCHEMA),
            mistakes=pl.DataFrame(schema=MISTAKE_SCHEMA),
            slices=pl.DataFrame(schema=SLICE_SCHEMA),
        )
    )
    assert "Not done: more rows than evaluation.max_rows" in page.text
    assert "No video is on the wrong side of one half." in page.text


def test_thresholds_and_verdict():
    page = Page(report())
    rows = page.table_with("threshold")[1:]
    assert rows == [
        ["1 %", "none: it takes at least 99 groups with real videos", DASH, DASH],
        ["5 %", "0.8123", "4.0 %", "31.0 %"],
    ]
    assert "authentic below 0.200, tampered from 0.800" in page.text
    assert "Measured with thresholds that were chosen on other folds: 4.0 % and 12.0 %" in page.text
    never = make_detector(Verdicts(float("-inf"), float("inf"), 0.05, 0.05, 0.0, 0.0))
    text = Page(report(detector=never)).text
    assert "too few groups with fake videos for the rate" in text
    assert "too few groups with real videos for the rate" in text
    assert "inf" not in re.findall(r"(?:below|from) (\S+)", text)
    assert f"chosen on other folds: {DASH} and {DASH}" in text


def test_a_detector_without_verdicts_has_none_in_its_card():
    assert "Measured with thresholds" not in Page(report(detector=make_detector())).text


def test_the_page_says_where_it_comes_from():
    page = Page(report())
    assert "0123456789ab" in page.text
    assert "kedro run --params a=<1>" in page.text
    assert "2026-11-25T10:00:00+01:00" in page.text
    assert "abcdef0123 with changes" in page.text
    assert not {"stale", "parameters", "unrecorded"} & page.ids


def test_the_page_says_which_parameters_are_not_the_default():
    records = {name: replace(made, changed_parameters={"svm.n_folds": 3}) for name, made in LINEAGE.records.items()}
    page = Page(report(lineage=replace(LINEAGE, records=records)))
    assert "parameters" in page.ids
    assert "svm.n_folds=3" in page.text


def test_the_page_says_what_does_not_belong_together():
    page = Page(report(lineage=replace(LINEAGE, contents=LINEAGE.contents | {"folds": Content("edited", ())})))
    assert "stale" in page.ids
    assert "folds has been changed since a run made it" in page.text


def test_the_page_says_what_no_run_has_recorded():
    page = Page(report(lineage=Lineage()))
    assert "unrecorded" in page.ids
    assert "evaluation_summary" in page.text


def matrix_row(method, trained_on, tested_on, auc, alignment="none", group_auc=0.6, warning=None):
    return (
        method,
        trained_on,
        tested_on,
        alignment,
        20,
        30,
        12,
        auc,
        auc - 0.1,
        auc + 0.1,
        group_auc,
        0.45,
        0.7,
        0.25,
        0.5,
        warning,
    )


def of_two_corpora(aligned=False):
    rows = [matrix_row("svm", "all others", name, 0.612) for name in ("A", "<b>B</b>")]
    rows += [matrix_row("svm", name, name, 0.834) for name in ("A", "<b>B</b>")]
    rows += [
        matrix_row("svm", "all others", name, 0.777, "coral", warning=warning)
        for name, warning in (("A", None), ("<b>B</b>", "the batch has 5 groups"))
        if aligned
    ]
    rows += [
        matrix_row("metadata_logistic", "A", "A", 0.5),
        matrix_row("metadata_logistic", "<b>B</b>", "<b>B</b>", 0.95),
    ]
    alarms = [("A", 0.1, 0.9, 20, 12, 0.25, 0.1, 0.4, 0.3), ("<b>B</b>", 0.1, None, 20, 12, None, None, None, None)]
    return {
        "corpus_matrix": pl.DataFrame(rows, schema=MATRIX_SCHEMA, orient="row"),
        "corpus_false_alarms": pl.DataFrame(alarms, schema=FALSE_ALARM_SCHEMA, orient="row"),
    }


def test_several_corpora_are_told_one_by_one():
    html = report(**of_two_corpora())
    page = Page(html)
    assert {"corpora", "false-alarms"} <= page.ids
    text = " ".join(" ".join(page.texts).split())
    assert "On average over the corpora its AUC is 0.612" in text
    assert "Metadata alone separate the classes within <b>B</b> (AUC 0.950" in text
    assert "Within A they tell nothing" in text
    assert "1 of 1 measured rates are above twice the rate aimed at" in text
    assert "none: too few groups" in text
    assert "<b>B</b>" not in html
    assert "aligned" not in text[text.index("Between corpora") :]
    assert len(page.pictures) == len(PLOTS)


def test_aligned_scores_stand_beside_the_plain_ones():
    text = " ".join(Page(report(**of_two_corpora(aligned=True))).texts)
    assert "0.777" in text
    assert "AUC, aligned" in text
    assert "Alignment to <b>B</b> may be unsafe: the batch has 5 groups." in " ".join(text.split())
    assert text.count("may be unsafe") == 1


def test_one_corpus_has_no_section_of_corpora():
    assert not {"corpora", "false-alarms"} & Page(report()).ids
