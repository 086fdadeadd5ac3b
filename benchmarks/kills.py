"""What is left of a run that is killed (SIGKILL) at a random moment, and what the next run makes of it. For Linux.

    python benchmarks/kills.py [--json] [--kills N] [--seed N] [--runner NAME] [--pipelines NAMES ...]

Makes a small corpus and runs the pipelines on it, one group of them after the other. Each group is run once without
a kill and `--kills` times with one: from what lay there before, the main process alone is killed at a moment drawn
evenly from the time that the group took, earlier where it ended before, and then the group is run again.

kills
    Runs that were killed before they ended.
orphans
    Processes of those runs (of their session) that are there 20 s after the kill; `slowest_end_s` is how long after
    it the last process ended, where all did.
left_in_shared_memory
    Semaphores in /dev/shm that the processes had open and that are still there.
folders_in_shared_memory
    Folders in /dev/shm that were not there before; other programs may make some, too.
half_files
    Tables, records and models that cannot be read after the kill, made videos of another size than noted, and a
    manifest that is not whole. Files of a temporary name do not count.
differing_tables
    Tables, and the manifest of the sample corpus, whose bytes differ from those of the run without a kill.
failed_runs
    Runs after a kill that ended with an error.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import polars as pl
from synthetic_clips import make_clip

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_MEMORY = Path("/dev/shm")
PATIENCE_S = 20.0
KEYS = [
    *("kills", "orphans", "slowest_end_s", "left_in_shared_memory", "folders_in_shared_memory"),
    *("half_files", "differing_tables", "failed_runs"),
]
N_CLIPS = 2  # that the sample corpus is made of
PIPELINES = [
    *("sample_corpus", "ingestion", "feature_engineering", "scaling"),
    *("svm_training", "evaluation", "reporting", "cross_corpus"),
]
SETTINGS = (
    "execution.workers=2,svm.n_folds=3,svm.n_repeats=2,evaluation.n_bootstrap=100,evaluation.n_permutations=3,"
    "evaluation.max_rows=0,reporting.n_thumbnails=4"
)


def make_project(folder: Path) -> Path:
    """Copy what a run reads, with few sample clips, and make two corpora of six pairs."""
    folder.mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(REPOSITORY / name, folder)
    shutil.copytree(REPOSITORY / "conf", folder / "conf")
    (folder / "src").mkdir()
    clips = folder / "data/01_raw/sample/clips"
    clips.mkdir(parents=True)
    for clip in sorted((REPOSITORY / "data/01_raw/sample/clips").glob("*.mp4"))[:N_CLIPS]:
        shutil.copy(clip, clips)
    for number, corpus in enumerate(("corpus", "other")):
        (folder / corpus).mkdir()
        rows = []
        for seed in range(12):
            name, label = f"{seed}.mp4", "fake" if seed % 2 else "real"
            make_clip(folder / corpus / name, 320, 180, 1, seed=100 * number + seed)
            rows.append((name, label, f"{corpus} {seed // 2}"))
        table = pl.DataFrame(rows, schema=["video_path", "label", "group"], orient="row")
        table.write_csv(folder / corpus / "manifest.csv")
    return folder


def start(project: Path, pipelines: str, data_root: Path, runner: str) -> subprocess.Popen[str]:
    """Start a run in a session of its own, whose number tells its processes from others."""
    places = f"data_root={data_root},corpus_manifest={project}/corpus/manifest.csv,"
    places += f"evaluate_on={project}/other/manifest.csv,"
    command = [sys.executable, "-m", "fvc_kedro", "run", "--pipelines", pipelines, "--runner", runner]
    return subprocess.Popen(
        [*command, "--params", places + SETTINGS],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )


def members(session: int) -> list[Path]:
    """Processes of a session, the dead ones that nobody has waited for left out."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = status.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(number) == session and state != "Z":
            found.append(status.parent)
    return found


def semaphores(processes: list[Path]) -> set[Path]:
    """Files in shared memory that processes have open."""
    found = set()
    for process in processes:
        try:
            lines = (process / "maps").read_text().splitlines()
        except OSError:
            continue
        found |= {Path(line.split(maxsplit=5)[5]) for line in lines if f"{SHARED_MEMORY}/" in line}
    return found


def folders() -> set[Path]:
    return {path for path in SHARED_MEMORY.iterdir() if path.is_dir()}


def kill(process: subprocess.Popen[str]) -> Counter[str]:
    """Kill the main process alone, and count what stays; end what stays."""
    os.kill(process.pid, signal.SIGSTOP)  # so that it opens nothing between the look and the kill
    opened = semaphores(members(process.pid))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed = time.monotonic()
    while members(process.pid) and time.monotonic() < killed + PATIENCE_S:
        time.sleep(0.1)
    ended = time.monotonic() - killed
    orphans = members(process.pid)
    left = sum(path.exists() for path in opened)
    for orphan in orphans:
        os.kill(int(orphan.name), signal.SIGKILL)
    for path in opened:
        path.unlink(missing_ok=True)
    slowest = {} if orphans else {"slowest_end_s": round(ended, 1)}
    return Counter({"kills": 1, "orphans": len(orphans), "left_in_shared_memory": left} | slowest)


def is_half(path: Path) -> bool:
    """Tell whether a file that a next run may read is not whole."""
    try:
        if path.suffix == ".parquet":
            pl.read_parquet(path)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".joblib":
            joblib.load(path)
        elif path.suffix == ".mp4" and path.with_suffix(".json").exists():
            return bool(json.loads(path.with_suffix(".json").read_text())["bytes"] != path.stat().st_size)
    except Exception:  # whatever a damaged file raises
        return True
    return False


def tables(data_root: Path) -> dict[str, bytes]:
    found = [*data_root.rglob("*.parquet"), *data_root.rglob("manifest.csv")]
    return {  # MLflow keeps those of the killed run, too
        path.relative_to(data_root).as_posix(): path.read_bytes() for path in found if "mlartifacts" not in path.parts
    }


def run_whole(project: Path, pipelines: str, data_root: Path) -> float:
    """Run pipelines without a kill; return how long that takes, in seconds."""
    began = time.monotonic()
    if start(project, pipelines, data_root, "SequentialRunner").wait():
        raise RuntimeError(f"{pipelines} fails without a kill: run it by itself to see why")
    return time.monotonic() - began


def kill_and_repeat(
    project: Path, pipelines: str, data_root: Path, runner: str, moment: float, expected: dict[str, bytes]
) -> Counter[str]:
    """Kill a run at a moment, in seconds, look at what is left, and run the same again; nothing if it ended before."""
    known = folders()
    process = start(project, pipelines, data_root, runner)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        found = kill(process)
    else:
        return Counter()
    found["folders_in_shared_memory"] = len(folders() - known)
    found["half_files"] = sum(is_half(path) for path in data_root.rglob("*") if "partial" not in path.name)
    found["half_files"] += sum(
        content != expected.get(name) for name, content in tables(data_root).items() if name.endswith(".csv")
    )
    found["failed_runs"] = start(project, pipelines, data_root, runner).wait() != 0
    after = tables(data_root)
    found["differing_tables"] = sum(after.get(name) != expected.get(name) for name in after.keys() | expected)
    return found


def run(arguments: argparse.Namespace, place: Path) -> dict[str, dict[str, float]]:
    project = make_project(place / "project")
    whole, before, killed = place / "whole", place / "before", place / "killed"
    whole.mkdir()
    draw = random.Random(arguments.seed)
    results = {}
    done = {"sample_corpus"}  # nothing else needs it
    for group in arguments.pipelines:
        missing = [name for name in PIPELINES[: PIPELINES.index(group.split(",")[0])] if name not in done]
        if missing:
            run_whole(project, ",".join(missing), whole)
        done |= {*missing, *group.split(",")}
        shutil.rmtree(before, ignore_errors=True)
        shutil.copytree(whole, before, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
        duration, expected = run_whole(project, group, whole), tables(whole)
        total: Counter[str] = Counter()
        for _ in range(arguments.kills):
            found, moment = Counter(), duration
            while not found:  # which ended before it was killed
                shutil.rmtree(killed, ignore_errors=True)
                shutil.copytree(before, killed)
                moment = draw.uniform(0, moment)
                found = kill_and_repeat(project, group, killed, arguments.runner, moment, expected)
            print(f"{group}: killed after {moment:.1f} of {duration:.1f} s: {dict(found)}", file=sys.stderr)
            slowest = max(total["slowest_end_s"], found["slowest_end_s"])
            total.update(found)
            total["slowest_end_s"] = slowest
        results[group] = {name: total[name] for name in KEYS}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--kills", type=int, default=3, metavar="N", help="kills of each group (default: 3)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments (default: 0)")
    parser.add_argument("--runner", default="SequentialRunner", help="Kedro's runner (default: SequentialRunner)")
    parser.add_argument(
        "--pipelines",
        nargs="+",
        default=PIPELINES,
        metavar="NAMES",
        help="groups to kill, each one or more pipelines with commas between, in the order of a run (default: each by "
        "itself)",
    )
    arguments = parser.parse_args()
    with TemporaryDirectory() as place:
        results = run(arguments, Path(place))
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    for group, figures in results.items():
        print(group, *(f"  {name}: {figure}" for name, figure in figures.items()), sep="\n")


if __name__ == "__main__":
    main()
