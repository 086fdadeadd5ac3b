"""Index and videos in; letterboxed copies of one size, their geometry and their features out."""

from kedro.pipeline import Node, Pipeline

from fvc_kedro.pipelines.scaling.nodes import (
    describe_scaled_videos,
    measure_scaled_videos,
    scale_videos,
    tabulate_scaled_features,
)


def create_pipeline() -> Pipeline:
    """Wire the making and measuring of scaled copies."""
    return Pipeline(
        [
            Node(
                func=scale_videos,
                inputs=["corpus_index", "corpus_videos", "params:scaling", "params:execution"],
                outputs="scaled_videos",
                name="scale_videos",
            ),
            Node(
                func=describe_scaled_videos,
                inputs=["corpus_index", "scaled_videos", "params:scaling"],
                outputs="scaled_metadata",
                name="describe_scaled_videos",
            ),
            Node(
                func=measure_scaled_videos,
                inputs=["scaled_metadata", "scaled_videos", "params:scaling", "params:svm", "params:execution"],
                outputs="scaled_measurements",
                name="measure_scaled_videos",
            ),
            Node(
                func=tabulate_scaled_features,
                inputs=["corpus_index", "scaled_metadata", "scaled_videos", "scaled_measurements"],
                outputs=["scaled_features", "failed_scaled_videos"],
                name="tabulate_scaled_features",
            ),
        ],
        namespace="scaling",
        prefix_datasets_with_namespace=False,
    )
