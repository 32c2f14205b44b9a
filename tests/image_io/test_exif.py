"""EXIF: what results carry of it, and every orientation."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.ExifTags import IFD, Base

from neurotransfer.image_io.arrays import load_image, open_picture, pixels
from neurotransfer.image_io.exif import filter_exif
from neurotransfer.image_io.saving import save_image
from neurotransfer.system.size import fit
from tests.image_io.pictures import COLORS, sample_exif


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "avif", "heic"])
def test_exif_is_read_from_every_format(tmp_path, extension):
    if extension == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.new("RGB", (64, 48), "red").save(tmp_path / f"a.{extension}", exif=sample_exif().tobytes())
    picture = open_picture(tmp_path / f"a.{extension}")
    assert picture.exif[Base.Copyright] == "(c) somebody"
    assert picture.exif[IFD.Exif] == {int(Base.DateTimeOriginal): "2024:05:06 07:08:09"}
    assert set(filter_exif(picture.exif)) == {Base.Make, Base.Model, Base.Copyright, IFD.Exif}
    assert set(filter_exif(picture.exif, keep_gps=True)) - set(filter_exif(picture.exif)) == {IFD.GPSInfo}
    assert picture.size == (48, 64)  # turned once: HEIC and AVIF files say it twice


@pytest.mark.parametrize(
    ("name", "bits"), [("a.png", 8), ("a.jpg", 8), ("a.webp", 8), ("a.tif", 8), ("a.png", 16), ("a.tif", 16)]
)
def test_exif_is_written_to_every_format(tmp_path, name, bits):
    image = COLORS.astype(np.float32)
    save_image(tmp_path / name, image, bits=bits, exif=filter_exif(sample_exif(), keep_gps=True))
    with Image.open(tmp_path / name) as picture:
        exif = picture.getexif()
        picture.load()
        assert exif[Base.Copyright].strip("\0") == "(c) somebody"
        assert Base.Software not in exif
        assert exif.get(Base.Orientation, 1) == 1
        if name == "a.tif":
            assert exif[Base.DateTime] == "2024:05:06 07:08:09"
        else:
            assert exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2024:05:06 07:08:09"
            assert exif.get_ifd(IFD.GPSInfo)[1] == "N"
    save_image(tmp_path / name, image, bits=bits, exif=filter_exif(sample_exif()))
    with Image.open(tmp_path / name) as picture:
        assert not picture.getexif().get_ifd(IFD.GPSInfo)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize(
    ("name", "bits"), [("a.png", 8), ("a.jpg", 8), ("a.webp", 8), ("a.tif", 8), ("a.png", 16), ("a.tif", 16)]
)
def test_names_in_exif_keep_their_letters(tmp_path, name, bits, encoding):
    exif, names = sample_exif(), {Base.Copyright: "© 2024 Jürgen Müller", Base.Artist: "Jürgen Müller"}
    for tag, text in names.items():
        exif[tag] = text.encode(encoding)
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.jpg", exif=exif)
    source = tmp_path / "photo.jpg"
    for _ in range(2):  # a result may be the next photo
        picture = open_picture(source)
        assert {tag: picture.exif[tag] for tag in names} == names
        save_image(tmp_path / name, COLORS.astype(np.float32), bits=bits, exif=filter_exif(picture.exif, keep_gps=True))
        source = tmp_path / name
        assert source.read_bytes().count("Jürgen Müller".encode()) == 2


@pytest.mark.parametrize("number", range(1, 9))
def test_every_orientation_is_applied(tmp_path, number):
    noise = np.random.default_rng(number).integers(0, 256, (5, 8, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[Base.Orientation] = number
    Image.fromarray(noise).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    picture = open_picture(tmp_path / "a.png")
    assert picture.size == (expected.shape[1], expected.shape[0])
    assert np.array_equal(pixels(picture), expected)
    assert pixels(picture, fit(picture.size, 4)).shape[:2] == ((4, 2) if number >= 5 else (2, 4))


def test_a_run_keeps_alpha_and_chosen_exif(command, painting, tmp_path):
    photo = Image.linear_gradient("L").resize((48, 64)).convert("RGB")
    photo.putalpha(Image.radial_gradient("L").resize((48, 64)))
    photo.save(tmp_path / "clear.png", exif=sample_exif())
    run = ("run", "-c", "clear.png", "-s", painting, "--size", "64", "--steps", "1", "-q")
    assert command(*run, "-o", "kept.png").returncode == 0
    assert command(*run, "-o", "flat.png", "--alpha", "flatten", "--keep-gps").returncode == 0
    with Image.open(tmp_path / "kept.png") as kept, Image.open(tmp_path / "flat.png") as flat:
        assert (kept.mode, kept.size, flat.mode, flat.size) == ("RGBA", (64, 48), "RGB", (64, 48))  # turned
        turned = Image.radial_gradient("L").resize((48, 64)).transpose(Image.Transpose.ROTATE_270)
        assert np.abs(np.asarray(kept.getchannel("A"), float) - np.asarray(turned, float)).max() <= 1
        assert kept.getexif()[Base.Copyright] == flat.getexif()[Base.Copyright] == "(c) somebody"
        assert not kept.getexif().get_ifd(IFD.GPSInfo)
        assert flat.getexif().get_ifd(IFD.GPSInfo)[1] == "N"
        clear = 255.0 - np.asarray(kept.getchannel("A"), float)[..., np.newaxis]
    # Laid over white, it is what was painted, but where it lets white through, it is at least as light.
    expected = np.maximum(load_image(tmp_path / "flat.png"), clear)
    assert np.abs(load_image(tmp_path / "kept.png") - expected).max() <= 2
