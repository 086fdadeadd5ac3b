"""Kedro's settings of the project."""

from fvc_kedro.configuration import ConfigurationLoader
from fvc_kedro.hooks import DiskHook, InputsHook, ParametersHook, PartsHook, ProcessesHook
from fvc_kedro.lineage_hook import LineageHook
from fvc_kedro.tracking import LateTrackingHook

HOOKS = (
    ParametersHook(),
    InputsHook(),
    LineageHook(),
    LateTrackingHook(),
    PartsHook(),
    DiskHook(),
    ProcessesHook(),
)  # the last comes first of its kind
# Its hook raises where its store cannot be used; TrackingHook calls it, and decides.
# Its releases spell its name differently.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-mlflow")
CONFIG_LOADER_CLASS = ConfigurationLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
}
