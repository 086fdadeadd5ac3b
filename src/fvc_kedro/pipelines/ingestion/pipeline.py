"""Manifest and files in; the index of usable videos, and the others with their reasons, out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.ingestion.nodes import check_manifest, index_videos, inspect_videos


def create_pipeline() -> Pipeline:
    """Wire the ingestion of a corpus."""
    return pipeline(
        [
            node(
                check_manifest,
                ["corpus_manifest", "params:ingestion", "params:svm"],
                "checked_manifest",
                name="check_manifest",
            ),
            node(
                inspect_videos,
                ["checked_manifest", "corpus_videos", "params:ingestion", "params:execution"],
                "video_inspections",
                name="inspect_videos",
            ),
            node(
                index_videos,
                ["checked_manifest", "video_inspections"],
                ["corpus_index", "rejected_videos"],
                name="index_videos",
            ),
        ]
    )
