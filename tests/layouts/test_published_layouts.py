"""What each layout makes of a folder that lies and is named as the corpus is published."""

import json

import pytest
from corpora import DFDC_PART, FILES, make_corpus

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.layouts import NAMES
from fvc_kedro.layouts.manifest import make_manifest


def made(name, root, **options):
    make_corpus(name, root)
    return make_manifest(root, root, **options)


def rows_of(manifest, *columns):
    return {row[0].rpartition("/")[2]: row[1:] for row in manifest.table.select("video_path", *columns).iter_rows()}


def left_out(manifest):
    return {path.rpartition("/")[2]: reason for reason, paths in manifest.left_out.items() for path in paths}


@pytest.mark.parametrize("name", NAMES)
def test_a_corpus_is_recognised_and_its_columns_name_it(name, tmp_path):
    manifest = made(name, tmp_path)
    assert manifest.notes[0].startswith(f"layout: {name}, ")
    assert set(manifest.table["corpus"]) == {name if name != "folders" else tmp_path.name}
    assert all(group.startswith(f"{name} ") for group in manifest.table["group"])


@pytest.mark.parametrize("name", NAMES)
def test_a_layout_that_does_not_fit_says_what_it_needs(name, tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday/beach.mp4").touch()
    with pytest.raises(FileError, match=f"does not lie like {name}, which needs .*; it holds videos such as 'holiday/"):
        make_manifest(tmp_path, tmp_path, name)


def test_faceforensics_joins_both_sequences_of_a_fake_and_all_compressions(tmp_path):
    manifest = made("faceforensics", tmp_path)
    rows = manifest.table.select("video_path", "label", "group", "subset", "manipulation").rows()
    swapped = "faceforensics 033"
    actors = "faceforensics actor 01"
    scene = "walking_outside_cafe_disgusted"
    fakes = "manipulated_sequences"
    originals = "original_sequences"
    detection = "DeepFakeDetection"
    assert sorted(rows) == [
        (f"{fakes}/{detection}/c23/videos/01_02__{scene}__YVGY8LOK.mp4", "fake", actors, "c23", detection),
        (f"{fakes}/Deepfakes/c23/videos/033_097.mp4", "fake", swapped, "c23", "Deepfakes"),
        (f"{fakes}/NeuralTextures/c40/videos/097_033.mp4", "fake", swapped, "c40", "NeuralTextures"),
        (f"{originals}/actors/c23/videos/01__{scene}.mp4", "real", actors, "c23", ""),
        (f"{originals}/youtube/c23/videos/033.mp4", "real", swapped, "c23", ""),
        (f"{originals}/youtube/c23/videos/097.mp4", "real", swapped, "c23", ""),
        (f"{originals}/youtube/c23/videos/511.mp4", "real", "faceforensics 511", "c23", ""),
        (f"{originals}/youtube/c40/videos/033.mp4", "real", swapped, "c40", ""),
    ]
    assert manifest.left_out == {
        "neither in a folder of originals nor of a method": ["downloaded_videos/BX1xWUzu9AI/BX1xWUzu9AI.mp4"],
        "a mask of where the face was changed": ["manipulated_sequences/Deepfakes/masks/videos/033_097.mp4"],
    }


def test_faceforensics_may_have_only_the_methods_as_folders(tmp_path):
    for path in ("original/033.mp4", "Deepfakes/033_097.mp4", "FaceShifter/097_033.mp4"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).touch()
    rows = rows_of(make_manifest(tmp_path, tmp_path), "label", "group", "manipulation")
    assert rows == {
        "033.mp4": ("real", "faceforensics 033", ""),
        "033_097.mp4": ("fake", "faceforensics 033", "Deepfakes"),
        "097_033.mp4": ("fake", "faceforensics 033", "FaceShifter"),
    }


def test_footage_alone_leaves_the_two_sequences_apart(tmp_path):
    manifest = made("faceforensics", tmp_path, group_by="footage")
    rows = rows_of(manifest, "group")
    assert rows["033_097.mp4"] == ("faceforensics 033",)
    assert rows["097_033.mp4"] == ("faceforensics 097",)


def test_celebdf_joins_both_people_and_reads_the_test_list(tmp_path):
    manifest = made("celebdf", tmp_path)
    assert rows_of(manifest, "label", "group", "subset") == {
        "id0_0000.mp4": ("real", "celebdf id0", "train"),
        "id1_0000.mp4": ("real", "celebdf id0", "train"),
        "id10_0003.mp4": ("real", "celebdf id10", "train"),
        "id0_id1_0000.mp4": ("fake", "celebdf id0", "test"),
        "id10_id11_0003.mp4": ("fake", "celebdf id10", "train"),
        "00000.mp4": ("real", "celebdf YouTube-real 00000", "train"),
        "00170.mp4": ("real", "celebdf YouTube-real 00170", "test"),
    }
    assert manifest.left_out == {
        "in no folder Celeb-real, YouTube-real or Celeb-synthesis": ["id0_0000.mp4"],
        "named in List_of_testing_videos.txt, but there is no such file": ["Celeb-real/id4_0004.mp4"],
    }


def test_celebdf_says_which_line_of_the_list_is_wrong(tmp_path):
    make_corpus("celebdf", tmp_path)
    (tmp_path / "List_of_testing_videos.txt").write_text("1 YouTube-real/00170.mp4\n\n<html>\n")
    with pytest.raises(FileError, match=r"List_of_testing_videos.txt, line 3: '<html>' is not like"):
        make_manifest(tmp_path, tmp_path)


def test_dfdc_groups_by_the_original_across_parts(tmp_path):
    manifest = made("dfdc", tmp_path)
    assert rows_of(manifest, "label", "group", "subset") == {
        "aagfhgtpmv.mp4": ("fake", "dfdc vudstovrck.mp4", "train"),
        "vudstovrck.mp4": ("real", "dfdc vudstovrck.mp4", "train"),
        "bbbbbbbbbb.mp4": ("fake", "dfdc vudstovrck.mp4", "train"),
    }
    assert left_out(manifest) == {
        "unlisted.mp4": "no metadata.json beside it names it",
        "cccccccccc.mp4": "metadata.json tells no label of it",
        "aapnvogymq.mp4": "named in a metadata.json, but there is no such file",
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"vudstovrck.mp4": {"label": "REAL"},\n"aagfhgtpmv.mp4": {"label" "FAKE"}}', 2),
        ('["vudstovrck.mp4", "label"]', 1),
        (b'{"vudstovrck.mp4": {"label": "REAL"},\n\n"\xff": 1}', 3),
        ('{"vudstovrck.mp4": {"label": "REAL"},\n"a":' + "[" * 200_000, None),
        ('{"vudstovrck.mp4": {"label": "REAL", "n": ' + "1" * 10_000 + "}}", None),
    ],
    ids=["no JSON", "no object", "no UTF-8", "too deep", "long number"],
)
def test_dfdc_says_where_a_metadata_file_is_wrong(text, line, tmp_path):
    make_corpus("dfdc", tmp_path)
    path = tmp_path / "dfdc_train_part_0/metadata.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    where = f", line {line} " if line else " is no readable JSON"
    with pytest.raises(FileError, match=f"part_0/metadata.json{where}") as error:
        make_manifest(tmp_path, tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_dfdc_leaves_out_a_fake_of_unknown_original(tmp_path):
    make_corpus("dfdc", tmp_path)
    part = DFDC_PART | {"unlisted.mp4": {"label": "FAKE", "split": "train"}}
    (tmp_path / "dfdc_train_part_0/metadata.json").write_text(json.dumps(part))
    reason = left_out(make_manifest(tmp_path, tmp_path))["unlisted.mp4"]
    assert reason == "a fake whose original metadata.json does not name"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        *(
            ({"label": "FAKE", "original": value}, "its original in metadata.json is no text")
            for value in (["vudstovrck.mp4"], float("nan"), 7, 0, [])
        ),
        ({"label": "REAL", "original": ["vudstovrck.mp4"]}, "its original in metadata.json is no text"),
        ({"label": "REAL", "split": ["train"]}, "its split in metadata.json is no text"),
        ({"label": ["REAL"]}, "its label in metadata.json is no text"),
        ({"label": 10**4000}, "its label in metadata.json is no text"),
        ("REAL", "metadata.json tells no label of it"),
        ({"label": "FAKE", "original": "b\ud800"}, "the corpus's list holds text that is not UTF-8 about it"),
        ({"label": "REAL", "split": "\ud800"}, "the corpus's list holds text that is not UTF-8 about it"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_dfdc_leaves_out_what_is_no_text(entry, reason, tmp_path):
    make_corpus("dfdc", tmp_path)
    (tmp_path / "dfdc_train_part_0/metadata.json").write_text(json.dumps(DFDC_PART | {"unlisted.mp4": entry}))
    assert left_out(make_manifest(tmp_path, tmp_path))["unlisted.mp4"] == reason


def test_dfdc_takes_null_as_no_value(tmp_path):
    make_corpus("dfdc", tmp_path)
    part = DFDC_PART | {"unlisted.mp4": {"label": "REAL", "split": None, "original": None}}
    (tmp_path / "dfdc_train_part_0/metadata.json").write_text(json.dumps(part))
    rows = rows_of(make_manifest(tmp_path, tmp_path), "label", "group", "subset")
    assert rows["unlisted.mp4"] == ("real", "dfdc unlisted.mp4", "")


def test_fakeavceleb_joins_source_and_targets_and_leaves_out_fake_sound(tmp_path):
    manifest = made("fakeavceleb", tmp_path)
    assert rows_of(manifest, "label", "group", "manipulation") == {
        "00109.mp4": ("real", "fakeavceleb id00076", ""),
        "00010.mp4": ("real", "fakeavceleb id00166", ""),
        "00109_id00476.mp4": ("fake", "fakeavceleb id00076", "faceswap"),
        "00010_10_id00701_wavtolip.mp4": ("fake", "fakeavceleb id00166", "wav2lip"),
    }
    reasons = left_out(manifest)
    assert reasons["00109_fake.mp4"].startswith("RealVideo-FakeAudio: its picture")
    assert reasons["unlisted.mp4"] == "no row of meta_data.csv names it"
    assert reasons["gone.mp4"] == "named in meta_data.csv, but there is no such file"
    assert len(reasons) == 3


def test_fakeavceleb_joins_people_through_a_shared_target(tmp_path):
    make_corpus("fakeavceleb", tmp_path)
    table = tmp_path / "FakeAVCeleb_v1.2/meta_data.csv"
    table.write_text(table.read_text().replace(",id00701,", ",id00476,"))
    assert set(make_manifest(tmp_path, tmp_path).table["group"]) == {"fakeavceleb id00076"}
    apart = make_manifest(tmp_path, tmp_path, group_by="footage")
    assert set(apart.table["group"]) == {"fakeavceleb id00076", "fakeavceleb id00166"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("method,", "way,", r"meta_data.csv, line 1 lacks the columns \['method'\]"),
        ("\nid00166", "\nid00166,x,y", r"meta_data.csv, line 3: .* has 12 fields where the header has 10"),
    ],
)
def test_fakeavceleb_says_where_its_table_is_wrong(old, new, message, tmp_path):
    make_corpus("fakeavceleb", tmp_path)
    table = tmp_path / "FakeAVCeleb_v1.2/meta_data.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(FileError, match=message):
        make_manifest(tmp_path, tmp_path)


def test_uadfv_pairs_are_groups(tmp_path):
    manifest = made("uadfv", tmp_path)
    assert rows_of(manifest, "label", "group") == {
        "0000.mp4": ("real", "uadfv 0000"),
        "0000_fake.mp4": ("fake", "uadfv 0000"),
        "0001.mp4": ("real", "uadfv 0001"),
        "0002_fake.mp4": ("fake", "uadfv 0002"),
    }
    assert manifest.left_out == {"not like real/0000 or fake/0000_fake": ["fake/0000.mp4"]}


def test_the_fake_video_corpus_groups_by_cascade(tmp_path):
    manifest = made("fvc", tmp_path)
    assert manifest.table.select("video_path", "label", "group", "platform").rows() == [
        ("AAAAAAAAAA1.mp4", "fake", "fvc f0", "youtube"),
        ("AAAAAAAAAA2/video.mkv", "real", "fvc r0", "youtube"),
        ("AAAAAAAAAA3.webm", "real", "fvc r0", "youtube"),
    ]
    assert left_out(manifest) == {
        "AAAAAAAAAA4.mp4": "its label is 'parody', not real or fake",
        "unlisted.mp4": "no row of the lists has its id, or another file has it too",
        "AAAAAAAAAA9": "listed, but there is no file of that id",
    }


def test_a_video_without_a_cascade_or_of_both_labels_is_left_out(tmp_path):
    make_corpus("fvc", tmp_path)
    with (tmp_path / "FVC_dup.csv").open("a") as lists:
        lists.write(f",{'https://youtu.be/AAAAAAAAAA4'},real\nr0,https://youtu.be/AAAAAAAAAA1,real\n")
        lists.write("r9,https://youtu.be/AAAAAAAAAA5,fake\n")
    (tmp_path / "AAAAAAAAAA5.mp4").touch()
    reasons = left_out(make_manifest(tmp_path, tmp_path))
    assert reasons["AAAAAAAAAA4.mp4"] == "what it is made from has no name in the corpus's list"
    assert reasons["AAAAAAAAAA1.mp4"] == "it is listed both as real and as fake"


def test_plain_folders_are_labelled_by_the_nearest_name_and_grouped_by_stem(tmp_path):
    manifest = made("folders", tmp_path)
    group = f"folders {tmp_path.name}"
    assert rows_of(manifest, "label", "group", "subset", "manipulation") == {
        "beach.mp4": ("real", f"{group} beach", "train", ""),
        "beach_fake.mp4": ("fake", f"{group} beach", "train", "inpainting"),
        "Market-original.mov": ("real", f"{group} market", "test", ""),
        "market - tampered.avi": ("fake", f"{group} market", "test", ""),
        "alone.mp4": ("fake", f"{group} alone", "test", ""),
    }
    assert manifest.left_out == {"no folder of its path is named real or fake": ["notes/film.mp4"]}
    assert any("cannot be known from folders" in note for note in manifest.notes)


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        ("0_real", "1_fake"),
        ("original", "manipulated"),
        ("authentic", "tampered"),
        ("Real Videos", "FAKE-clips"),
        ("fake/real", "real/fake"),
        ("originals/train", "Deepfakes/val"),
        ("pristine", "forged"),
    ],
)
def test_usual_names_of_plain_folders_tell_the_label(real, fake, tmp_path):
    for folder in (real, fake):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{folder.replace('/', '')}.mp4").touch()
    assert rows_of(make_manifest(tmp_path, tmp_path), "label") == {
        f"{real.replace('/', '')}.mp4": ("real",),
        f"{fake.replace('/', '')}.mp4": ("fake",),
    }


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("A_fake", "a"),
        ("a-swapped", "a_original"),
        ("a_face_swap", "a"),
        ("a.fake.edited", "a"),
        ("caf\u00e9", "cafe\u0301_fake"),
        ("_fake", "_fake"),
    ],
)
def test_endings_that_tell_the_label_are_no_part_of_a_name(name, twin, tmp_path):
    for folder, stem in (("real", name), ("fake", twin)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{stem}.mp4").touch()
    assert make_manifest(tmp_path, tmp_path).table["group"].n_unique() == 1


def test_names_that_only_look_alike_stay_apart(tmp_path):
    for path in ("real/fake.mp4", "real/_fake.mp4", "fake/refake.mp4", "fake/a1.mp4", "real/a2.mp4"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert make_manifest(tmp_path, tmp_path).table["group"].n_unique() == 5


def test_every_corpus_has_files_here():
    assert set(FILES) == set(NAMES)
