"""See pipeline.py for what flows in and out, and README.md for how to use it."""

from fvc_kedro.pipelines.cross_corpus.pipeline import create_pipeline

__all__ = ["create_pipeline"]
