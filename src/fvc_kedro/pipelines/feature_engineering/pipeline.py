"""Index and videos in; features of each segment and each video, and the videos that failed, out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.feature_engineering.nodes import average_segments, measure_features, tabulate_segments


def create_pipeline() -> Pipeline:
    """Wire the measuring of features."""
    return pipeline(
        [
            node(
                measure_features,
                ["corpus_index", "corpus_videos", "params:features", "params:execution"],
                "feature_measurements",
                name="measure_features",
            ),
            node(
                tabulate_segments,
                ["corpus_index", "feature_measurements", "params:features"],
                ["segment_features", "failed_videos"],
                name="tabulate_segments",
            ),
            node(average_segments, "segment_features", "features_metadata", name="average_segments"),
        ]
    )
