"""Another corpus and the trained detector in; its verdicts there, and what they are worth, out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.cross_corpus.nodes import evaluate_other_corpus, judge_other_corpus, plot_other_roc
from fvc_kedro.pipelines.feature_engineering.nodes import average_segments, measure_features, tabulate_segments
from fvc_kedro.pipelines.ingestion.nodes import index_videos, inspect_videos, read_manifest


def create_pipeline() -> Pipeline:
    """Wire the test on another corpus."""
    return pipeline(
        [
            node(
                read_manifest,
                ["other_manifest", "params:ingestion"],
                "other_checked_manifest",
                name="read_other_manifest",
            ),
            node(
                inspect_videos,
                ["other_checked_manifest", "other_videos", "params:ingestion", "params:execution"],
                "other_inspections",
                name="inspect_other_videos",
            ),
            node(
                index_videos,
                ["other_checked_manifest", "other_inspections"],
                ["other_index", "other_rejected_videos"],
                name="index_other_videos",
            ),
            node(
                measure_features,
                ["other_index", "other_videos", "params:features", "params:execution"],
                "other_measurements",
                name="measure_other_features",
            ),
            node(
                tabulate_segments,
                ["other_index", "other_measurements", "params:features"],
                ["other_segment_features", "other_failed_videos"],
                name="tabulate_other_segments",
            ),
            node(average_segments, "other_segment_features", "other_features_metadata", name="average_other_segments"),
            node(
                judge_other_corpus,
                [
                    "other_segment_features",
                    "other_features_metadata",
                    "other_index",
                    "corpus_index",
                    "training_table",
                    "svm_detector",
                    "params:svm",
                ],
                "other_predictions",
                name="judge_other_corpus",
            ),
            node(
                evaluate_other_corpus,
                ["other_predictions", "params:evaluation"],
                "other_metrics",
                name="evaluate_other_corpus",
            ),
            node(plot_other_roc, "other_predictions", "other_roc_plot", name="plot_other_roc"),
        ]
    )
