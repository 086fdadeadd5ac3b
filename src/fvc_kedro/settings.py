"""Kedro's settings of the project."""

from fvc_kedro.hooks import InputsHook, ParametersHook, TrackingHook

HOOKS = (ParametersHook(), InputsHook(), TrackingHook())
CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local"}
