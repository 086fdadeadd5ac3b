"""The commands that messages advise to run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence


def kedro_command(pipelines: Sequence[str], params: Mapping[str, object], env: str | None = None) -> str:
    """Write the command that runs pipelines, quoted for a shell.

    Parameters
    ----------
    pipelines : sequence of str
        Their names; none stands for the default pipeline.
    params : mapping of str to object
        Parameters given for the run; groups of them are nested mappings.
    env : str, optional
        Configuration environment.

    Returns
    -------
    str
        Such as ``kedro run --pipelines ingestion --params data_root=/out,svm.n_folds=3``.
    """
    words = ["kedro", "run"]
    words += ["--env", env] if env else []
    words += ["--pipelines", ",".join(pipelines)] if pipelines else []
    given = ",".join(f"{name}={value}" for name, value in _flat(params))
    return shlex.join(words + (["--params", given] if given else []))


def _flat(params: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            # As YAML reads it: true and null, not True and None.
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value, default=str)
