"""What a video is: probing, decoding, sampling, geometry, encoding. Knows nothing of Kedro or tables."""

from fvc_kedro.video.frame import Frame
from fvc_kedro.video.handle import RefusedVideo, Video, VideoArray, VideoFile, VideoRecipe
from fvc_kedro.video.probe import UnusableVideoError, VideoInfo, probe

__all__ = [
    "Frame",
    "RefusedVideo",
    "UnusableVideoError",
    "Video",
    "VideoArray",
    "VideoFile",
    "VideoInfo",
    "VideoRecipe",
    "probe",
]
