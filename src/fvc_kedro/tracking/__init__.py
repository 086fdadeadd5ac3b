"""What of a run goes to MLflow, and what happens where MLflow cannot be used."""

import os
import warnings

# MLflow reports its use to its makers unless told otherwise, and asks once, when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

with warnings.catch_warnings(record=True):  # kedro-mlflow warns of its own code, and MLflow bypasses warning filters
    from fvc_kedro.tracking.hook import TrackingError, TrackingHook

__all__ = ["TrackingError", "TrackingHook"]
