"""What measuring and scaling cost next to decoding, as ratios in one run.

    python benchmarks/extraction.py [--json] [--repeats 5] [--clips FOLDER]

It makes clips at 360p, 720p and 1080p, and takes the median of each ratio over repeats in which both sides
run in turn. The baseline is a bare PyAV loop on one thread. CPU figures are of the whole process. As in a run,
`classic` and `temporal` look at every frame, the other families at 24 of each segment of three seconds.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from synthetic_clips import make_clip, megabits, repeat_clip
from tqdm import tqdm

from fvc_kedro.execution import Execution, Task, run_tasks
from fvc_kedro.forensics import FAMILIES, Sampling, measure
from fvc_kedro.video import VideoFile, VideoRecipe
from fvc_kedro.video.encoding import Encoding, write_video
from fvc_kedro.video.geometry import Letterbox
from fvc_kedro.video.sampling import uniform_indices

ALL_FRAMES = 10**9
EVERY_FRAME = Sampling(ALL_FRAMES, segment_s=3.0)
PIXEL_FAMILIES = ("classic", "sharpness", "blockiness", "noise")
ALL_BUT_REGION = tuple(family for family in FAMILIES if family not in ("region", "scaled_copy"))
TARGETS = {
    "classic_cpu_over_decode": "at most 1.7",
    "classic_wall_over_decode": "at most 1.2",
    "pixel_wall_over_decode": "at most 1.2",
    "all_wall_over_decode": "at most 2.5",
    "region_wall_over_decode": "at most 1.0",
    "sampled_over_decode": "at most 1.2",
    "sparse_seek_speedup": "at least 3",
    "two_workers_speedup": "at least 1.8",
    "worker_peak_mb": "at most 400",
    "scaling_over_transcode": "at most 1.2",
}
Clock = Callable[[], float]


class Clips:
    """The benchmark's clips, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self,
        height: int,
        seconds: float,
        keyframe_interval: int = 250,
        times: int = 1,
        seed: int = 0,
        *,
        with_face: bool = False,
    ) -> Path:
        width = {360: 640, 720: 1280, 1080: 1920}[height]
        face = "_face" if with_face else ""
        path = self._folder / f"{height}p_{seconds:g}s_gop{keyframe_interval}_{seed}{face}.mp4"
        if not path.exists():
            make_clip(path, width, height, seconds, keyframe_interval, seed, with_face=with_face)
        long = path.with_name(f"{path.stem}_times{times}.mp4")
        if times > 1 and not long.exists():
            repeat_clip(path, long, times)
        return path if times == 1 else long


def decode_only(path: Path, n_frames: int = ALL_FRAMES) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for number, _ in enumerate(container.decode(stream), 1):
            if number == n_frames:
                return


def ratio(above: Callable[[], Any], below: Callable[[], Any], clock: Clock, repeats: int) -> float:
    """Median over the repeats of the time of one callable over that of the other, run in turn."""
    above(), below()
    ratios = []
    for _ in range(repeats):
        ratios.append(timed(above, clock) / timed(below, clock))
    return statistics.median(ratios)


def timed(function: Callable[[], Any], clock: Clock) -> float:
    gc.collect()
    start = clock()
    function()
    return clock() - start


def classic_cpu_over_decode(clips: Clips, repeats: int, height: int = 720) -> float:
    path = clips(height, 10)
    return ratio(
        lambda: measure(VideoFile(path), ["classic"], EVERY_FRAME),
        lambda: decode_only(path),
        time.process_time,
        repeats,
    )


def wall_over_decode(path: Path, families: Sequence[str], repeats: int) -> float:
    """Time with a decode and a compute thread over that of decoding alone."""
    ahead = Execution().frames_ahead(1)
    return ratio(
        lambda: measure(VideoFile(path), families, EVERY_FRAME, frames_ahead=ahead),
        lambda: decode_only(path),
        time.perf_counter,
        repeats,
    )


def classic_wall_over_decode(clips: Clips, repeats: int) -> float:
    return wall_over_decode(clips(720, 10), ["classic"], repeats)


def pixel_wall_over_decode(clips: Clips, repeats: int) -> float:
    return wall_over_decode(clips(720, 10), PIXEL_FAMILIES, repeats)


def all_wall_over_decode(clips: Clips, repeats: int) -> float:
    return wall_over_decode(clips(720, 10), ALL_BUT_REGION, repeats)


def region_wall_over_decode(clips: Clips, repeats: int) -> float:
    """What the region adds to all others, on a clip with one face."""
    path, ahead = clips(720, 10, with_face=True), Execution().frames_ahead(1)

    def work(families: Sequence[str]) -> Callable[[], Any]:
        return lambda: measure(VideoFile(path), families, EVERY_FRAME, frames_ahead=ahead)

    found = work(["region"])()["region"]
    if not all(share == 1 for share in found["region_face_share"]):
        raise AssertionError(f"the face is found in {found['region_face_share']} of the frames only")
    without, with_region = work(ALL_BUT_REGION), work((*ALL_BUT_REGION, "region"))
    without(), with_region()
    added = []
    for _ in range(repeats):
        more, less = timed(with_region, time.perf_counter), timed(without, time.perf_counter)
        added.append((more - less) / timed(lambda: decode_only(path), time.perf_counter))
    return statistics.median(added)


def cost_of_families(clips: Clips, repeats: int) -> dict[str, float]:
    """Processor time of each family alone beyond that of decoding, over that of decoding."""
    costs = {}
    for family in (*ALL_BUT_REGION, "region"):
        path = clips(720, 10, with_face=family == "region")

        def work(path: Path = path, family: str = family) -> Any:
            return measure(VideoFile(path), [family], EVERY_FRAME)

        costs[family] = ratio(work, lambda path=path: decode_only(path), time.process_time, repeats) - 1
    return costs


def sampled_over_decode(clips: Clips, repeats: int) -> float:
    path = clips(720, 20)
    last = int(uniform_indices(VideoFile(path).info.n_frames, 50)[-1])
    return ratio(
        lambda: measure(VideoFile(path), ["classic"], Sampling(50)),
        lambda: decode_only(path, last + 1),
        time.process_time,
        repeats,
    )


def sparse_seek_speedup(clips: Clips, repeats: int) -> float:
    path = clips(360, 20, keyframe_interval=12, times=6)
    indices = [int(index) for index in uniform_indices(VideoFile(path).info.n_frames, 5)]

    def with_seeking() -> list[Any]:
        return [frame.luma.copy() for frame in VideoFile(path).frames(indices)]

    def without() -> list[Any]:
        return [frame.luma.copy() for frame in VideoFile(path).frames() if frame.index in indices]

    if not np.array_equal(with_seeking(), without()):
        raise AssertionError("seeking gives other frames")
    return ratio(lambda: decode_only(path, indices[-1] + 1), with_seeking, time.process_time, repeats)


def two_workers_speedup(clips: Clips, repeats: int) -> float:
    paths = [clips(360, 4, seed=seed) for seed in range(6)]
    tasks = {
        f"{path.stem}_{turn}": Task(measure, (VideoFile(path), ["classic"], EVERY_FRAME), cost=1.0)
        for path in paths
        for turn in range(30)
    }

    def work(workers: int) -> None:
        outcomes = dict(run_tasks(tasks, Execution(workers=workers), f"{workers} workers"))
        if any(outcome.failure for outcome in outcomes.values()):
            raise AssertionError("a video failed")

    return ratio(lambda: work(1), lambda: work(2), time.perf_counter, min(repeats, 3))


def peak_mb_of_measuring(path: Path) -> float:
    measure(VideoFile(path), [*ALL_BUT_REGION, "region"], Sampling(1000, segment_s=3.0))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def worker_peak_mb(clips: Clips, _: int) -> float:
    peaks = []
    for path in (clips(1080, 10), clips(1080, 10, times=60)):
        task = Task(peak_mb_of_measuring, (path,))
        for _, outcome in run_tasks({path.stem: task}, Execution(workers=1), path.stem):
            peaks.append(outcome.value)
    print(f"worker peaks: {', '.join(f'{peak:.0f} MiB' for peak in peaks)}", file=sys.stderr)
    return max(peaks)


def scaling_over_transcode(clips: Clips, repeats: int) -> float:
    path = clips(720, 10)
    encoding = Encoding(crf=10, preset="veryfast")
    frames = list(Letterbox(256)(VideoFile(path).frames()))
    with tempfile.TemporaryDirectory() as folder:
        scaled, encoded = Path(folder) / "scaled.mp4", Path(folder) / "encoded.mp4"

        def transcode() -> None:
            decode_only(path)
            write_video(encoded, iter(frames), 25.0, encoding)

        result = ratio(
            lambda: VideoRecipe(VideoFile(path), Letterbox(256), encoding).write(scaled),
            transcode,
            time.process_time,
            repeats,
        )
        if scaled.read_bytes() != encoded.read_bytes():
            raise AssertionError("the two sides encode other frames")
    return result


BENCHMARKS: dict[str, Callable[[Clips, int], float]] = {
    function.__name__: function
    for function in (
        classic_cpu_over_decode,
        classic_wall_over_decode,
        pixel_wall_over_decode,
        all_wall_over_decode,
        region_wall_over_decode,
        sampled_over_decode,
        sparse_seek_speedup,
        two_workers_speedup,
        worker_peak_mb,
        scaling_over_transcode,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of each pair (default: 5)")
    parser.add_argument("--clips", type=Path, help="keep the clips in this folder, and use those that are there")
    parser.add_argument("--no-families", action="store_true", help="leave out the cost of each family alone")
    parser.add_argument("--only", nargs="*", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        clips = Clips(folder)
        results: dict[str, Any] = {}
        for name in tqdm(arguments.only, desc="benchmarks", unit="benchmark"):
            results[name] = round(BENCHMARKS[name](clips, arguments.repeats), 3)
        if not arguments.no_families:
            costs = cost_of_families(clips, arguments.repeats)
            results["cost_of_families"] = {family: round(cost, 3) for family, cost in costs.items()}
        if arguments.json:
            print(json.dumps(results))
            return
        for family, cost in results.pop("cost_of_families", {}).items():
            print(f"{family + ' alone':26} {cost:8.2f}   beyond decoding")
        for name, value in results.items():
            print(f"{name:26} {value:8.2f}   {TARGETS[name]}")
        for height in (360, 720, 1080):
            path = clips(height, 10)
            cpu = classic_cpu_over_decode(clips, arguments.repeats, height)
            print(f"classic over decode at {height}p ({megabits(path):.1f} Mbit/s): {cpu:.2f}")


if __name__ == "__main__":
    main()
