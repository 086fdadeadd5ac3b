"""When MLflow is written to: as a run starts and when its results are on disk, never in between."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

import mlflow
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol, SharedMemoryDataCatalog
from kedro.pipeline import Pipeline
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from kedro_mlflow.io.catalog.switch_catalog_logging import switch_catalog_logging
from mlflow.entities import RunStatus
from mlflow.tracking import MlflowClient

from fvc_kedro.parameters import TrackingParameters
from fvc_kedro.tracking.errors import TrackingError
from fvc_kedro.tracking.provenance import corpus_tags, git_tags, package_versions, version_tags
from fvc_kedro.tracking.store import bounded_and_quiet, check_database, read_configuration, without_password

logger = logging.getLogger(__name__)

_PROCESS = "process"
_LONGEST_REASON = 1000


class TrackingHook:
    """Makes each ``kedro run`` one MLflow run, with a child for every fold, by means of kedro-mlflow's own hook.

    The run is opened before the first node, with parameters and provenance, and everything else is logged from
    the catalog after the last one. So nodes never wait for MLflow, every runner is tracked alike, a run that
    fails leaves no half children, and what is logged is what lies on disk.

    Whatever MLflow raises is caught here and nowhere else: with ``tracking.on_failure: warn`` it is logged
    once and the run goes on untracked; with ``error`` it stops the run before the first node, or, later, is
    raised when all results are on disk.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._is_ours = False  # and not a run that the caller has opened, who will close it
        self._run_id: str | None = None
        self._saved: set[str] = set()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read the settings. The store is not touched: most commands look at something else."""
        self._context = context
        self._parameters = TrackingParameters.model_validate(context.params["tracking"])
        configuration = read_configuration(context)
        self._address: str = configuration.server.mlflow_tracking_uri
        vars(context)["mlflow"] = configuration  # where kedro mlflow ui and notebooks look for it
        if self._parameters.enabled and mlflow.active_run() is None:
            mlflow.set_tracking_uri(self._address)

    @hook_impl
    def after_catalog_created(
        self,
        catalog: CatalogProtocol,
        conf_catalog: dict[str, Any],
        conf_creds: dict[str, Any],
        parameters: dict[str, Any],
        save_version: str,
        load_versions: dict[str, str],
    ) -> None:
        """Let kedro-mlflow note the catalog."""
        MlflowHook().after_catalog_created(catalog, conf_catalog, conf_creds, parameters, save_version, load_versions)

    @hook_impl(trylast=True)  # when nothing else can stop the run any more, which would leave its record open
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Open the run, or find out that MLflow cannot be used."""
        self._end_interrupted()
        self._saved = set()
        if self._parameters.enabled:
            with self._guarded("before the first node", self._parameters.on_failure):
                self._open(run_params, pipeline, catalog)
        if not self._is_open:
            switch_catalog_logging(catalog, False)

    def _open(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        self._is_ours = mlflow.active_run() is None
        if self._is_ours:
            check_database(self._address)
        plugin = MlflowHook()
        plugin.after_context_created(self._context)
        self._address = mlflow.get_tracking_uri()
        plugin.before_pipeline_run(run_params, pipeline, catalog)
        self._is_open, self._run_id = plugin.run_id is not None, plugin.run_id
        if not self._is_open:  # switched off for this pipeline in mlflow.yml
            return
        if self._is_ours:
            atexit.register(self._end_interrupted)
            self._end_killed(plugin.mlflow_config.tracking.experiment._experiment.experiment_id)
        versions = package_versions()
        mlflow.set_tags(self._process_tag() | git_tags(self._context.project_path) | version_tags(versions))
        # A file that is logged now tells now, not after hours of work, whether files can be.
        mlflow.log_text("".join(f"{name}=={version}\n" for name, version in versions.items()), "packages.txt")
        parameters = {name: catalog.load(name) for name in sorted(pipeline.inputs()) if name.startswith("param")}
        plugin.before_node_run(node=None, catalog=catalog, inputs=parameters, is_async=False)
        # polars starts threads when it reads, and a process forked after that, as ParallelRunner's are, would hang.
        if "corpus_index" not in pipeline.all_outputs() and not isinstance(catalog, SharedMemoryDataCatalog):
            self._tag_corpus(catalog)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Note what this run saves."""
        self._saved.add(dataset_name)

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Log the results and close the run."""
        if not self._is_open:
            return
        if isinstance(catalog, SharedMemoryDataCatalog):  # ParallelRunner saves in processes that do not tell
            self._saved = set(pipeline.all_outputs())
        with self._guarded("after the last node (all results are on disk)", self._parameters.on_failure):
            self._log_results(catalog)
            self._close("FINISHED")
            logger.info(
                "recorded in MLflow as run %s of %s", self._run_id, without_password(self._address, self._address)
            )

    def _log_results(self, catalog: CatalogProtocol) -> None:
        from fvc_kedro.tracking.records import (  # noqa: PLC0415 - scikit-learn
            log_detector,
            log_fold_summary,
            log_folds,
            log_marked,
        )

        about = self._tag_corpus(catalog) | self._tag_fingerprint(catalog)
        log_marked(catalog, self._saved)
        if "cv_metrics" in self._saved and "evaluation_summary" not in self._saved:  # which has the same figures
            log_fold_summary(catalog)
        # The metrics come last of what is known of a fold: without new ones, those on disk may be of other models.
        if "fold_metrics" in self._saved:
            log_folds(catalog, self._process_tag() | about)
        if "svm_detector" in self._saved:
            # Else the summary on disk is of another detector.
            score = catalog.load("evaluation_summary")["roc_auc"] if "evaluation_summary" in self._saved else None
            about |= {} if score is None else {"roc_auc": str(score)}
            address = log_detector(catalog, self._parameters.registered_model, about)
            logger.info("registered the detector as %s", address)

    def _tag_fingerprint(self, catalog: CatalogProtocol) -> dict[str, str]:
        """Tag the run with the fingerprint that its report shows, or else that of the detector."""
        made = [name for name in ("evaluation_summary", "svm_detector") if name in self._saved]
        if not made or "lineage" not in catalog:
            return {}
        tags = {"fingerprint": catalog.load("lineage").records[made[0]].fingerprint}
        mlflow.set_tags(tags)
        return tags

    def _tag_corpus(self, catalog: CatalogProtocol) -> dict[str, str]:
        if not catalog.exists("corpus_index"):
            return {}
        tags = corpus_tags(catalog.load("corpus_index"))
        mlflow.set_tags(tags)
        return tags

    @hook_impl
    def on_pipeline_error(self, error: Exception, catalog: CatalogProtocol) -> None:
        """Close the run as failed, with the error; that one is to be seen, whatever MLflow says."""
        if not self._is_open:
            return
        with self._guarded("after a node failed", "warn"):
            mlflow.set_tag("error", f"{type(error).__name__}: {error}"[:_LONGEST_REASON])
            if "corpus_index" in self._saved:
                self._tag_corpus(catalog)
            self._close("FAILED")

    @contextlib.contextmanager
    def _guarded(self, moment: str, on_failure: str) -> Iterator[None]:
        """Close the run as failed, then warn or raise, where MLflow cannot be used."""
        try:
            with bounded_and_quiet():
                yield
        except Exception as error:  # whatever it is, it must not cost a run its results
            message = self._explain(moment, error)
            logger.debug("MLflow's own words", exc_info=True)
            with contextlib.suppress(Exception), bounded_and_quiet():  # the store may be what failed
                if mlflow.active_run() is not None:  # else MLflow would open one
                    mlflow.set_tag("error", message[:_LONGEST_REASON])
            with contextlib.suppress(Exception), bounded_and_quiet():
                self._close("FAILED")
            if on_failure == "error":
                raise TrackingError(message) from error
            logger.warning(message)

    def _explain(self, moment: str, error: Exception) -> str:
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        return without_password(
            f"MLflow could not be used {moment}: {reason}. Its store is {self._address}: see that it is there and can "
            "be written to, or name another in conf/base/mlflow.yml (server.mlflow_tracking_uri). "
            "tracking.on_failure=warn lets a run go on untracked, tracking.enabled=false leaves MLflow alone",
            self._address,
        )

    def _close(self, status: str) -> None:
        self._is_open = False
        if self._is_ours:
            while mlflow.active_run() is not None:
                mlflow.end_run(status)

    def _end_interrupted(self) -> None:
        """Close a run that Ctrl-C has ended, of which Kedro tells no hook; MLflow itself would call it finished."""
        if self._is_open:
            with contextlib.suppress(Exception), bounded_and_quiet():
                self._close("KILLED")

    def _end_killed(self, experiment_id: str) -> None:
        """Close the runs of processes of this machine that were killed, and could not do it themselves."""
        client = MlflowClient()
        running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'")
        for other in running:
            host, _, process = other.data.tags.get(_PROCESS, "").rpartition(":")
            if host == socket.gethostname() and not _is_alive(int(process)):
                client.set_terminated(other.info.run_id, RunStatus.to_string(RunStatus.KILLED))

    @staticmethod
    def _process_tag() -> dict[str, str]:
        return {_PROCESS: f"{socket.gethostname()}:{os.getpid()}"}


def _is_alive(process: int) -> bool:
    if os.name != "posix":  # where to ask a process is to end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
