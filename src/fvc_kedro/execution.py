"""How many videos are worked on at once, and what happens when one of them fails.

One function, :func:`run_tasks`, maps a picklable function over videos. Another engine (a cluster)
takes its place by yielding the same outcomes.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

from fvc_kedro.video import UnusableVideoError

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Execution:
    """How tasks are run.

    Parameters
    ----------
    engine : str
        ``local`` runs tasks in processes of this machine: one that crashes or hangs costs that task
        alone. ``serial`` runs them in this process, one after another, which is handy in a debugger.
    workers : int
        Processes at once; -1 for one a core.
    timeout_s : float
        Longest a task may take, in seconds, before it counts as failed (``local`` only).
    """

    engine: str = "local"
    workers: int = -1
    timeout_s: float = 600.0

    @property
    def n_workers(self) -> int:
        """Number of processes."""
        return len(os.sched_getaffinity(0)) if self.workers == -1 else self.workers


@dataclass(frozen=True, slots=True)
class Task:
    """Work on one video.

    Parameters
    ----------
    function : callable
        Picklable.
    arguments : tuple
        Its arguments, picklable.
    key : str
        Hexadecimal digest of all that the result depends on.
    cost : float
        Expected effort, in any unit: dearer tasks start earlier.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    key: str
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks by video id, not done yet: a dataset does them when it saves the batch."""

    tasks: Mapping[str, Task]
    execution: Execution
    description: str


@dataclass(frozen=True, slots=True)
class Outcomes(Generic[T]):
    """What became of a batch: a value or, in words, the reason of the failure, for each video id."""

    values: dict[str, T] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value of one task, or the reason why there is none."""

    value: Any = None
    failure: str | None = None


def run_tasks(tasks: Mapping[str, Task], execution: Execution, description: str) -> Iterator[tuple[str, Outcome]]:
    """Run tasks and yield each outcome when it is there, in no particular order, with a progress bar.

    Whatever goes wrong with a video is its outcome: an unusable file, a crashed worker, a task beyond
    the time limit. What was not foreseen is logged with its traceback as well.
    """
    if not tasks:
        return
    engine = _ENGINES[execution.engine]
    with tqdm(total=len(tasks), desc=description, unit="video", dynamic_ncols=True) as progress:
        for name, result in engine(tasks, execution):
            progress.update()
            yield name, _outcome(name, result, execution.timeout_s)


def _outcome(name: str, result: Callable[[], Any], timeout_s: float) -> Outcome:
    try:
        return Outcome(result())
    except UnusableVideoError as error:
        return Outcome(failure=str(error))
    except TimeoutError:
        return Outcome(failure=f"gave no result within the time limit of {timeout_s:g} s (execution.timeout_s)")
    except ProcessExpired as error:
        return Outcome(failure=f"the worker process died (exit code {error.exitcode})")
    except MemoryError:
        return Outcome(failure="the worker ran out of memory")
    except Exception as error:
        logger.exception("Unforeseen error with the video %s", name)
        return Outcome(failure=f"unforeseen {type(error).__name__}: {error}")


def _run_serially(tasks: Mapping[str, Task], _: Execution) -> Iterator[tuple[str, Callable[[], Any]]]:
    for name, task in tasks.items():
        yield name, partial(task.function, *task.arguments)


def _run_locally(tasks: Mapping[str, Task], execution: Execution) -> Iterator[tuple[str, Callable[[], Any]]]:
    dearest_first = sorted(tasks, key=lambda name: (-tasks[name].cost, name))
    n_workers = min(execution.n_workers, len(tasks))
    with ProcessPool(max_workers=n_workers, context=_process_context()) as pool:
        futures: dict[Any, str] = {
            pool.schedule(tasks[name].function, args=tasks[name].arguments, timeout=execution.timeout_s): name
            for name in dearest_first
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result
        except BaseException:
            pool.stop()  # type: ignore[no-untyped-call]
            raise


def _process_context() -> Any:
    """Choose how workers start: never by forking this process, whose threads a child would wait for."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fvc_kedro.forensics"])
    return context


_ENGINES: dict[str, Callable[[Mapping[str, Task], Execution], Iterator[tuple[str, Callable[[], Any]]]]] = {
    "local": _run_locally,
    "serial": _run_serially,
}
ENGINES = tuple(_ENGINES)
