"""The project's commands from the installed package: ``python -m fvc_kedro`` and ``fvc-kedro``."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from fvc_kedro.configuration import configuration_folder


def main() -> None:
    """Run a command, with the project's configuration in its folder and the packed one elsewhere."""
    with suppress(click.ClickException):  # which the command itself will raise, if it needs a configuration
        os.environ.setdefault("KEDRO_LOGGING_CONFIG", str(configuration_folder() / "logging.yml"))
    os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")  # as .telemetry does in the project's folder
    # only now, as it reads the settings of the log when it is imported
    from kedro.framework.project import configure_project  # noqa: PLC0415

    configure_project("fvc_kedro")
    from fvc_kedro.cli import cli  # noqa: PLC0415

    cli(prog_name="fvc-kedro")


if __name__ == "__main__":
    main()
