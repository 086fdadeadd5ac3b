"""Index and videos in; features of each segment and each video, and the videos that failed, out."""

from kedro.pipeline import Node, Pipeline

from fvc_kedro.pipelines.feature_engineering.nodes import average_segments, measure_features, tabulate_segments


def create_pipeline() -> Pipeline:
    """Wire the measuring of features."""
    return Pipeline(
        [
            Node(
                func=measure_features,
                inputs=["corpus_index", "corpus_videos", "params:features", "params:execution"],
                outputs="feature_measurements",
                name="measure_features",
            ),
            Node(
                func=tabulate_segments,
                inputs=["corpus_index", "feature_measurements", "params:features"],
                outputs=["segment_features", "failed_videos"],
                name="tabulate_segments",
            ),
            Node(
                func=average_segments,
                inputs="segment_features",
                outputs="features_metadata",
                name="average_segments",
            ),
        ],
        namespace="feature_engineering",
        prefix_datasets_with_namespace=False,
    )
