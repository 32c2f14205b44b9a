"""Which files a batch takes for photos."""

from pathlib import Path

import pytest

from neurotransfer.batch.records import Records, Row
from neurotransfer.batch.sources import Source, find_sources, listed_sources, split_list
from neurotransfer.system.errors import InputError


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "deep/c.webp", ".secret/d.jpg"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_a_folder_gives_its_pictures_in_order(photos):
    assert [path.name for path, _ in find_sources([photos])] == ["a.PNG", "b.jpg"]


def test_recursive_also_gives_those_of_its_folders_and_keeps_where_they_lie(photos):
    assert find_sources([photos], recursive=True)[-1] == Source(photos / "deep" / "c.webp", Path("deep"))
    assert len(find_sources([photos], recursive=True)) == 3


def test_a_file_is_taken_whatever_it_is_called_and_only_once(photos):
    words = [photos / "notes.txt", photos / "b.jpg", photos, photos / "deep" / ".." / "b.jpg"]
    assert [path.name for path, _ in find_sources(words)] == ["notes.txt", "b.jpg", "a.PNG"]


def test_patterns_are_expanded(photos):
    assert [path.name for path, _ in find_sources([photos / "*.jpg"])] == ["b.jpg"]
    assert [path.name for path, _ in find_sources([photos / "**" / "*.webp"])] == ["c.webp"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(photos):
    (photos / "x[1].jpg").touch()
    assert [path.name for path, _ in find_sources([photos / "x[1].jpg"])] == ["x[1].jpg"]


@pytest.mark.parametrize("word", ["none.jpg", "*.tif", "empty"])
def test_what_is_not_there_is_said(photos, word):
    (photos / "empty").mkdir()
    with pytest.raises(InputError, match=r"There is no file|No picture fits|holds no picture"):
        find_sources([photos / word])


def test_results_of_an_earlier_batch_are_no_photos(photos):
    (photos / "styled").mkdir()
    (photos / "styled" / "a-x.png").touch()
    (photos / "a-x.png").touch()
    found = {path.name for path, _ in find_sources([photos], recursive=True)}
    assert found == {"a.PNG", "b.jpg", "c.webp", "a-x.png"}  # nothing says that they are results
    Records(photos / "styled").write(Row("a.PNG", "x.jpg", "a-x.png", "painted"))
    Records(photos).write(Row("a.PNG", "x.jpg", "a-x.png", "painted"))
    assert {path.name for path, _ in find_sources([photos], recursive=True)} == {"a.PNG", "b.jpg", "c.webp"}


def test_a_list_holds_names_that_end_with_lines_or_zeros(tmp_path):
    assert split_list(b"a b.jpg\nc.jpg\n") == ["a b.jpg", "c.jpg"]
    assert split_list(b"a\nb.jpg\0c.jpg\0", zero=True) == ["a\nb.jpg", "c.jpg"]
    assert listed_sources(["a.jpg", "b.jpg", "./a.jpg"]) == [Source(Path("./a.jpg")), Source(Path("b.jpg"))]
