"""What results are called."""

import unicodedata
from pathlib import Path

import pytest

from neurotransfer.batch.names import Template, told_apart, words
from neurotransfer.batch.sources import Source
from neurotransfer.system.errors import InputError

VALUES = {"content": "cat", "style": "night", "preset": "bold", "seed": 7, "n": 3}


@pytest.mark.parametrize(
    ("output", "folder", "name"),
    [
        ("styled/", "styled", "cat-night.png"),
        ("styled", "styled", "cat-night.png"),
        ("s/{style}/{content}.jpg", "s", "night/cat.jpg"),
        ("s/x-{n:03}-{seed}-{preset}.webp", "s", "x-003-7-bold.webp"),
        ("{content}.tif", ".", "cat.tif"),
        ("a{{b}}/{content}.png", ".", "a{b}/cat.png"),
    ],
)
def test_a_template_gives_folder_and_name(output, folder, name):
    template = Template(output)
    assert (template.folder, template.name(VALUES)) == (Path(folder), name)


def test_folders_of_photos_are_kept():
    assert Template("styled/").name(VALUES, Path("2025/may")) == "2025/may/cat-night.png"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("one.png", "names one file"),
        ("s/{photo}.png", "found {photo}"),
        ("s/{content.name}.png", "found {content.name}"),
        ("s/{content.png", "written twice"),
        ("s/{content:z}.png", "written twice"),
        ("s/{content}.xyz", "unknown extension"),
        ("", "empty"),
    ],
)
def test_wrong_templates_are_said(output, reason):
    with pytest.raises(InputError, match=reason):
        Template(output)


def test_a_depth_that_the_format_does_not_hold_is_said():
    Template("{content}.tif", bits=16)
    with pytest.raises(InputError, match="--bits 16"):
        Template("{content}.jpg", bits=16)


def named(*paths: str) -> list[str]:
    return list(words([Source(Path(path)) for path in paths]).values())


def test_pictures_that_differ_by_extension_or_folder_have_their_own_words():
    assert named("p/a.jpg", "p/a.png", "q/a.jpg", "q/b.jpg") == ["a", "a-png", "a-jpg", "b"]
    assert named("p/a.jpg", "q/a.jpg", "r/a.jpg") == ["a", "a-jpg", "r-a"]


def test_in_folders_that_are_kept_names_may_be_alike():
    sources = [Source(Path("p/x/a.jpg"), Path("x")), Source(Path("p/y/a.jpg"), Path("y"))]
    assert list(words(sources).values()) == ["a", "a"]


def test_names_that_a_file_system_may_fold_together_are_told_apart():
    accent = unicodedata.normalize("NFD", "é")
    assert named("é.jpg", f"{accent}.jpg", "A.jpg", "a.jpg") == ["é", f"{accent}-jpg", "A", "a-jpg"]
    assert told_apart(["x/a.png", "x/A.png", "x/a.PNG", "y/a.png"]) == ["x/a.png", "x/A-2.png", "x/a-3.PNG", "y/a.png"]


def test_a_number_that_is_taken_is_left_out():
    assert told_apart(["a-2.png", "a.png", "a.png"]) == ["a-2.png", "a.png", "a-3.png"]


def test_long_names_are_cut_and_told_apart():
    found = named("x" * 200 + "1.jpg", "x" * 200 + "2.jpg")
    assert max(map(len, found)) <= 64
    assert len(set(found)) == 2
