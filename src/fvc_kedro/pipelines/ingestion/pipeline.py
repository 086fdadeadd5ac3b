"""Manifest and files in; the index of usable videos, and the others with their reasons, out."""

from kedro.pipeline import Node, Pipeline

from fvc_kedro.pipelines import CHECKED_FIRST
from fvc_kedro.pipelines.ingestion.nodes import check_manifest, index_videos, inspect_videos


def create_pipeline() -> Pipeline:
    """Wire the ingestion of a corpus."""
    return Pipeline(
        [
            Node(
                func=check_manifest,
                inputs=["corpus_manifest", "params:ingestion", "params:svm"],
                outputs="checked_manifest",
                name="check_manifest",
                tags=CHECKED_FIRST,
            ),
            Node(
                func=inspect_videos,
                inputs=["checked_manifest", "corpus_videos", "params:ingestion", "params:execution"],
                outputs="video_inspections",
                name="inspect_videos",
            ),
            Node(
                func=index_videos,
                inputs=["checked_manifest", "video_inspections"],
                outputs=["corpus_index", "rejected_videos"],
                name="index_videos",
            ),
        ],
        namespace="ingestion",
        prefix_datasets_with_namespace=False,
    )
