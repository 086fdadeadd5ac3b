"""Another corpus and the trained detector in; its verdicts there, and what they are worth, out."""

from kedro.pipeline import Node, Pipeline

from fvc_kedro.pipelines import CHECKED_FIRST, feature_engineering, ingestion
from fvc_kedro.pipelines.cross_corpus.nodes import evaluate_other_corpus, judge_other_corpus, plot_other_roc
from fvc_kedro.pipelines.cross_corpus.report import write_other_report
from fvc_kedro.pipelines.ingestion.nodes import read_manifest


def create_pipeline() -> Pipeline:
    """Wire the test on another corpus, which is read and measured as the corpus to train on, under a namespace."""
    read = Node(
        func=read_manifest,
        inputs=["corpus_manifest", "params:ingestion"],
        outputs="checked_manifest",
        name="read_manifest",
        tags=CHECKED_FIRST,
    )
    measured = Pipeline(
        [read, ingestion.create_pipeline().from_inputs("checked_manifest"), feature_engineering.create_pipeline()],
        namespace="other_corpus",
        parameters={"params:ingestion", "params:features", "params:execution"},
    )
    # Under the same namespace, or Kedro warns of the dots in their datasets' names.
    judged = [
        Node(
            func=judge_other_corpus,
            inputs=[
                "other_corpus.segment_features",
                "other_corpus.corpus_index",
                "corpus_index",
                "training_table",
                "svm_detector",
                "params:svm.unit",
                "params:cross_corpus",
            ],
            outputs="other_predictions",
            name="judge_other_corpus",
            namespace="other_corpus",
        ),
        Node(
            func=evaluate_other_corpus,
            inputs=["other_predictions", "params:evaluation"],
            outputs="other_metrics",
            name="evaluate_other_corpus",
            namespace="other_corpus",
        ),
        Node(
            func=plot_other_roc,
            inputs="other_predictions",
            outputs="other_roc_plot",
            name="plot_other_roc",
            namespace="other_corpus",
        ),
        Node(
            func=write_other_report,
            inputs=["other_predictions", "other_metrics", "other_roc_plot"],
            outputs="other_report",
            name="write_other_report",
            namespace="other_corpus",
        ),
    ]
    return Pipeline([measured, *judged])
