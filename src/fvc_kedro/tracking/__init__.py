"""What of a run goes to MLflow, and what happens where MLflow cannot be used."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from fvc_kedro.tracking.errors import TrackingError

__all__ = ["LateTrackingHook", "TrackingError"]

# MLflow reports its use to its makers unless told otherwise, and asks once, when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Nor does mlflow ui need a queue of jobs, for which it leaves a folder in shared memory behind every time.
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")


class LateTrackingHook:
    """Adds the hook of MLflow to a session as soon as it is used: MLflow takes a second to import."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Register the hook, and tell it of the context."""
        hook = _tracking_hook()
        if not context._hook_manager.is_registered(hook):  # else it is told by the session
            context._hook_manager.register(hook)
            hook.after_context_created(context)


@cache  # one for all sessions of a process, as it closes what a former one has left open
def _tracking_hook() -> Any:
    with warnings.catch_warnings(record=True):  # kedro-mlflow warns of its own code, and MLflow bypasses filters
        from fvc_kedro.tracking.hook import TrackingHook  # noqa: PLC0415 - a second
    return TrackingHook()
