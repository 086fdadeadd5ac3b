"""What a video is: probing, decoding, sampling, geometry, encoding. Knows nothing of Kedro or tables."""

from fvc_kedro.video.container import UnusableVideoError
from fvc_kedro.video.frame import Frame
from fvc_kedro.video.handle import MadeVideo, RefusedVideo, Video, VideoArray, VideoFile, VideoRecipe
from fvc_kedro.video.probe import Limits, VideoInfo, probe

__all__ = [
    "Frame",
    "Limits",
    "MadeVideo",
    "RefusedVideo",
    "UnusableVideoError",
    "Video",
    "VideoArray",
    "VideoFile",
    "VideoInfo",
    "VideoRecipe",
    "probe",
]
