"""Folders that lie and are named as the corpora are published; the videos are empty files."""

import json

DFDC_PART = {
    "aagfhgtpmv.mp4": {"label": "FAKE", "split": "train", "original": "vudstovrck.mp4"},
    "vudstovrck.mp4": {"label": "REAL", "split": "train"},
    "aapnvogymq.mp4": {"label": "FAKE", "split": "train", "original": "jdubbvfswz.mp4"},
}
# The published header names the file's name "path" and its folder not at all.
FAKEAVCELEB = """source,target1,target2,method,category,type,race,gender,path,
id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men/id00076
id00166,-,-,real,A,RealVideo-RealAudio,African,men,00010.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men/id00166
id00076,-,-,rtvc,B,RealVideo-FakeAudio,African,men,00109_fake.mp4,FakeAVCeleb/RealVideo-FakeAudio/African/men/id00076
id00076,id00476,-,faceswap,C,FakeVideo-RealAudio,African,men,00109_id00476.mp4,FakeAVCeleb/FakeVideo-RealAudio/African/men/id00076
id00166,id00701,10,wav2lip,D,FakeVideo-FakeAudio,African,men,00010_10_id00701_wavtolip.mp4,FakeAVCeleb/FakeVideo-FakeAudio/African/men/id00166
id00166,-,-,wav2lip,C,FakeVideo-RealAudio,African,men,gone.mp4,FakeAVCeleb/FakeVideo-RealAudio/African/men/id00166
"""
YOUTUBE = "https://www.youtube.com/watch?v="

FILES = {
    "faceforensics": [
        "original_sequences/youtube/c23/videos/033.mp4",
        "original_sequences/youtube/c40/videos/033.mp4",
        "original_sequences/youtube/c23/videos/097.mp4",
        "original_sequences/youtube/c23/videos/511.mp4",
        "original_sequences/actors/c23/videos/01__walking_outside_cafe_disgusted.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/033_097.mp4",
        "manipulated_sequences/NeuralTextures/c40/videos/097_033.mp4",
        "manipulated_sequences/Deepfakes/masks/videos/033_097.mp4",
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__walking_outside_cafe_disgusted__YVGY8LOK.mp4",
        "downloaded_videos/BX1xWUzu9AI/BX1xWUzu9AI.mp4",
    ],
    "celebdf": [
        "Celeb-real/id0_0000.mp4",
        "Celeb-real/id1_0000.mp4",
        "Celeb-real/id10_0003.mp4",
        "Celeb-synthesis/id0_id1_0000.mp4",
        "Celeb-synthesis/id10_id11_0003.mp4",
        "YouTube-real/00000.mp4",
        "YouTube-real/00170.mp4",
        "id0_0000.mp4",
    ],
    "dfdc": [
        "dfdc_train_part_0/aagfhgtpmv.mp4",
        "dfdc_train_part_0/vudstovrck.mp4",
        "dfdc_train_part_0/unlisted.mp4",
        "dfdc_train_part_1/bbbbbbbbbb.mp4",
        "test/cccccccccc.mp4",
    ],
    "fakeavceleb": [
        "FakeAVCeleb_v1.2/RealVideo-RealAudio/African/men/id00076/00109.mp4",
        "FakeAVCeleb_v1.2/RealVideo-RealAudio/African/men/id00166/00010.mp4",
        "FakeAVCeleb_v1.2/RealVideo-FakeAudio/African/men/id00076/00109_fake.mp4",
        "FakeAVCeleb_v1.2/FakeVideo-RealAudio/African/men/id00076/00109_id00476.mp4",
        "FakeAVCeleb_v1.2/FakeVideo-FakeAudio/African/men/id00166/00010_10_id00701_wavtolip.mp4",
        "FakeAVCeleb_v1.2/FakeVideo-FakeAudio/African/men/id00166/unlisted.mp4",
    ],
    "fvc": ["AAAAAAAAAA1.mp4", "AAAAAAAAAA2/video.mkv", "AAAAAAAAAA3.webm", "AAAAAAAAAA4.mp4", "unlisted.mp4"],
    "uadfv": ["real/0000.mp4", "real/0001.mp4", "fake/0000_fake.mp4", "fake/0002_fake.mp4", "fake/0000.mp4"],
    "folders": [
        "train/Real/beach.mp4",
        "train/Fake/inpainting/beach_fake.mp4",
        "test/0_real/Market-original.mov",
        "test/1_fake/market - tampered.avi",
        "test/1_fake/alone.mp4",
        "notes/film.mp4",
    ],
}
LISTS = {
    "celebdf": {
        "List_of_testing_videos.txt": "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
        "1 Celeb-real/id4_0004.mp4\n"
    },
    "dfdc": {
        "dfdc_train_part_0/metadata.json": json.dumps(DFDC_PART),
        "dfdc_train_part_1/metadata.json": json.dumps(
            {"bbbbbbbbbb.mp4": {"label": "FAKE", "split": "train", "original": "vudstovrck.mp4"}}
        ),
        "test/metadata.json": json.dumps({"cccccccccc.mp4": {"is_fake": 1}}),
    },
    "fakeavceleb": {"FakeAVCeleb_v1.2/meta_data.csv": FAKEAVCELEB},
    "fvc": {
        "FVC.csv": f"cascade_id,video_url,label\nf0,{YOUTUBE}AAAAAAAAAA1,fake\nr0,{YOUTUBE}AAAAAAAAAA2,real\n"
        f"f1,{YOUTUBE}AAAAAAAAAA9,fake\n",
        "FVC_dup.csv": f"cascade_id,video_url,label\nr0,{YOUTUBE}AAAAAAAAAA3,real\nr1,{YOUTUBE}AAAAAAAAAA3,real\n"
        f"r1,{YOUTUBE}AAAAAAAAAA4,parody\n",
    },
}


def make_corpus(name, root):
    """Lay out a corpus under a folder, and return the folder."""
    for path in FILES[name]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    for path, text in LISTS.get(name, {}).items():
        (root / path).write_text(text)
    return root
