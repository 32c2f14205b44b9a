"""Manifests: what rows say, and what is wrong with them."""

from pathlib import Path

import pytest

from neurotransfer.batch.manifest import read_manifest
from neurotransfer.system.errors import InputError

SETTINGS = ("preset", "size", "style_scale")


def rows(folder: Path, name: str, text: str):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_manifest(path, SETTINGS)


def test_csv_and_json_lines_say_the_same(tmp_path):
    table = "\ufeffcontent,style,output,style-scale\na.jpg,p/b.jpg,x.png,1.5\nc.jpg,,,\n"
    lines = '{"content": "a.jpg", "style": "p/b.jpg", "output": "x.png", "style_scale": 1.5}\n\n{"content": "c.jpg"}\n'
    first, second = rows(tmp_path, "jobs.csv", table)
    assert (first.content, first.style, first.output) == (tmp_path / "a.jpg", tmp_path / "p" / "b.jpg", "x.png")
    assert first.settings == {"style_scale": "1.5"}
    assert (second.style, second.output, second.settings) == (None, None, {})
    third, fourth = rows(tmp_path, "jobs.jsonl", lines)
    assert third.settings == {"style_scale": 1.5}
    assert third[1:4] == first[1:4]
    assert fourth[1:] == second[1:]
    assert (second.place, fourth.place) == ("jobs.csv, line 3", "jobs.jsonl, line 3")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.csv", "content,colour\na.jpg,red\n", "line 2: the column 'colour' is unknown"),
        ("a.csv", "style\na.jpg\n", "line 2: there is no photo"),
        ("a.csv", "content\na.jpg,b.jpg\n", "line 2: there are more values"),
        ("a.csv", "content\n", "holds no rows"),
        ("a.csv", 'content\na.jpg\n"b.jpg\n', "line 2: unexpected end"),
        ("a.jsonl", "[1]\n", "line 1: expected a JSON object"),
        ("a.jsonl", "{\n", "line 1"),
        ("a.txt", "content\na.jpg\n", "must end with"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, name, text, reason):
    with pytest.raises(InputError, match=reason):
        rows(tmp_path, name, text)


def test_a_missing_manifest_and_one_that_is_no_text_are_said(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_manifest(tmp_path / "none.csv", SETTINGS)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\0")
    with pytest.raises(InputError, match="UTF-8"):
        read_manifest(tmp_path / "b.csv", SETTINGS)
