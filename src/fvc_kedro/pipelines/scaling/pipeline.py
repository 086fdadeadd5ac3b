"""Index and videos in; letterboxed copies of one size, their geometry and their features out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.scaling.nodes import (
    describe_scaled_videos,
    measure_scaled_videos,
    scale_videos,
    tabulate_scaled_features,
)


def create_pipeline() -> Pipeline:
    """Wire the making and measuring of scaled copies."""
    return pipeline(
        [
            node(
                scale_videos,
                ["corpus_index", "corpus_videos", "params:scaling", "params:execution"],
                "scaled_videos",
                name="scale_videos",
            ),
            node(
                describe_scaled_videos,
                ["corpus_index", "scaled_videos", "params:scaling"],
                "scaled_metadata",
                name="describe_scaled_videos",
            ),
            node(
                measure_scaled_videos,
                ["scaled_metadata", "scaled_videos", "params:scaling", "params:execution"],
                "scaled_measurements",
                name="measure_scaled_videos",
            ),
            node(
                tabulate_scaled_features,
                ["corpus_index", "scaled_metadata", "scaled_videos", "scaled_measurements"],
                ["scaled_features", "failed_scaled_videos"],
                name="tabulate_scaled_features",
            ),
        ]
    )
