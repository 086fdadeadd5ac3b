"""MLflow's store: where it is, and whether it can be used, found out in seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from kedro.framework.context import KedroContext
from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
from kedro_mlflow.config.resolvers import resolve_random_name
from omegaconf import OmegaConf

_SQLITE = "sqlite:///"
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
# By MLflow's own settings, a server that does not answer is waited for some four minutes, and four more, and …
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines for every fold
}


def read_configuration(context: KedroContext) -> KedroMlflowConfig:
    """Read mlflow.yml without touching the store; a relative path is one in the project."""
    if not OmegaConf.has_resolver("km.random_name"):  # kedro-mlflow makes it only when it opens the store
        register: Any = getattr(OmegaConf, "register_resolver", None) or OmegaConf.register_new_resolver
        register("km.random_name", resolve_random_name, use_cache=True)
    loader: Any = context.config_loader
    settings = loader["mlflow"]
    server = settings.setdefault("server", {})
    address = server.get("mlflow_tracking_uri") or os.environ.get(
        "MLFLOW_TRACKING_URI", "mlruns"
    )  # as kedro-mlflow does
    server["mlflow_tracking_uri"] = in_project(address, context.project_path)
    loader["mlflow"] = settings  # what kedro-mlflow will read
    return KedroMlflowConfig.model_validate(settings)


def in_project(address: str, project: Path) -> str:
    """Make the relative path of a folder or an SQLite database absolute: MLflow takes it from the working directory."""
    if not urlsplit(address).scheme and not address.startswith("databricks"):
        return (project / address).as_uri()
    path = address.removeprefix(_SQLITE)
    if not address.startswith(_SQLITE) or path.startswith(("/", "file:", ":memory:")) or Path(path).is_absolute():
        return address
    return f"{_SQLITE}{project / path}"


def check_database(address: str) -> None:
    """Connect to the store's database once, if it is one, and leave it as it is.

    MLflow would try for some minutes to connect, and would find a read-only file only when it writes.
    """
    if urlsplit(address).scheme.partition("+")[0] not in _DATABASES:
        return
    from mlflow.store.db.utils import create_sqlalchemy_engine  # noqa: PLC0415 - only a run needs the database's layer

    if address.startswith(_SQLITE) and not address.startswith(f"{_SQLITE}file:"):
        _make_folder_of(address.removeprefix(_SQLITE))
    engine: Any = create_sqlalchemy_engine(address)  # type: ignore[no-untyped-call]
    try:
        with engine.connect() as connection:
            if address.startswith("sqlite"):
                # A change that is taken back: only writing tells whether the file and its folder can be written to.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                version = connection.exec_driver_sql("PRAGMA user_version").scalar()
                connection.exec_driver_sql(f"PRAGMA user_version = {version}")
                connection.rollback()
    finally:
        engine.dispose()


def _make_folder_of(path: str) -> None:
    place, mark, query = path.partition("?")
    is_cut = mark and ("=" not in query or "/" in query)
    if is_cut or unquote(path) != path:
        raise ValueError(
            f"the database would lie elsewhere than at {path!r}, as ? and % are special in its address: take a "
            "data_root without them, or another store (server.mlflow_tracking_uri in mlflow.yml)"
        )
    Path(place).parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def bounded_and_quiet() -> Iterator[None]:
    """Wait for a server at most half a minute a request and print nothing, unless the environment says otherwise."""
    unset = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    os.environ.update(unset)
    try:
        yield
    finally:
        for name in unset:
            os.environ.pop(name, None)


def without_password(text: str, address: str) -> str:
    """Hide the password that an address may hold, wherever it stands in a text."""
    password = urlsplit(address).password
    return text.replace(f":{password}@", ":***@") if password else text
