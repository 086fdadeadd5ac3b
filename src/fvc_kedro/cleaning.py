"""Which files the project itself has made, so that they can be removed and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol

from fvc_kedro.datasets.model_file import digest_file
from fvc_kedro.hooks import location
from fvc_kedro.lineage import Lineage


@dataclass(frozen=True, slots=True)
class MadeFiles:
    """Files of datasets.

    Parameters
    ----------
    removable : mapping of str to list of Path
        Those that a run has made, by dataset.
    kept : mapping of str to str
        What stays, each with the reason.
    """

    removable: dict[str, list[Path]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


def find_made_files(catalog: CatalogProtocol, outputs: Iterable[str], lineage: Lineage, root: Path) -> MadeFiles:
    """Find the files that runs have made.

    A store of many files knows the names that it gives. Of all other files, a record must tell that a run has made them
    as they are. What lies outside the root, beyond a link, stays.

    Parameters
    ----------
    catalog : CatalogProtocol
    outputs : iterable of str
        Datasets that pipelines make, in the order in which they are to be removed.
    lineage : Lineage
    root : Path
        Folder of the results.
    """
    found = MadeFiles()
    seen: set[Path] = set()
    for name in outputs:
        dataset: Any = catalog.get(name)
        made = getattr(dataset, "made_files", None)
        if made is None:
            place = location(catalog, name)
            files = getattr(dataset, "content_files", [] if place is None else [place])
            made = [file for file in files if file.is_file()]
            reason = _reason_to_keep(name, lineage)
            if made and reason is not None:
                found.kept[f"{name} ({place})"] = reason
                continue
            recorded = {path for path, _, _ in lineage.records[name].content.files} if made else set()
            made = [
                file for path in made if str(path) in recorded for file in (path, digest_file(path)) if file.exists()
            ]
        inside = [file for file in made if file.parent.resolve().is_relative_to(root.resolve())]
        if len(inside) < len(made):
            found.kept[f"{len(made) - len(inside)} files of {name}"] = f"a link leads out of {root} to them"
        inside = [file for file in inside if file not in seen]  # batches of trials share a folder
        if inside:
            found.removable[name] = inside
            seen.update(inside)
    return found


def _reason_to_keep(name: str, lineage: Lineage) -> str | None:
    record = lineage.records.get(name)
    if record is None:
        return "no run has recorded that it made it"
    now = lineage.contents[name]
    return "changed since a run made it" if now is None or now.digest != record.content.digest else None


def remove(files: Iterable[Path], root: Path) -> None:
    """Remove files, then the folders below a root that are empty without them."""
    for file in files:
        file.unlink(missing_ok=True)
        for folder in file.parents:
            if folder == root or folder.is_symlink() or not folder.is_relative_to(root):
                break
            if not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
