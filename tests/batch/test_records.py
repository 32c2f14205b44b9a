"""Records and summaries: whole, and known again."""

import csv
import json
import unicodedata
from dataclasses import replace

import pytest

from neurotransfer.batch.records import Records, Row, Summary, place, recorded_outputs
from neurotransfer.system.errors import NeurotransferError

ROW = Row("a.jpg", "b.jpg", "x/a-b.png", "painted", "", 1.5, 4, 3, {"content": 2.0, "total": 5.0}, "k")


def test_a_record_is_read_again(tmp_path):
    records = Records(tmp_path)
    records.write(ROW)
    assert records.read("x/a-b.png") == ROW
    assert records.read("x/a-c.png") is None
    assert recorded_outputs(tmp_path) == {tmp_path / "x" / "a-b.png"}
    records.forget("x/a-b.png")
    assert records.read("x/a-b.png") is None


def test_names_that_are_one_file_have_one_record(tmp_path):
    records = Records(tmp_path)
    records.write(replace(ROW, output="é.png"))
    assert records.read(unicodedata.normalize("NFD", "É.png")) is not None
    assert records.read("e.png") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"content": "a"}'])
def test_a_damaged_record_is_none(tmp_path, text):
    records = Records(tmp_path)
    records.write(ROW)
    (path,) = (tmp_path / ".neurotransfer").glob("*.json")
    path.write_text(text)
    assert records.read(ROW.output) is None


def test_the_summary_holds_every_row_in_both_files(tmp_path):
    waiting = Row("c,1.jpg", "b.jpg", "c-b.png")
    summary = Summary(tmp_path, [waiting, waiting])
    summary.update(0, ROW)
    summary.write()
    found = json.loads((tmp_path / "batch.json").read_text())
    assert found["counts"] == {"painted": 1, "waiting": 1}
    assert Row.from_json(found["jobs"][0]) == ROW
    with (tmp_path / "batch.csv").open(newline="") as handle:
        first, second = csv.DictReader(handle)
    assert (first["status"], first["loss_total"], first["seconds"]) == ("painted", "5.0", "1.5")
    assert (second["content"], second["status"], second["loss_total"]) == ("c,1.jpg", "waiting", "")


def test_a_summary_that_cannot_be_written_ends_no_batch(tmp_path, caplog):
    summary = Summary(tmp_path / "gone", [ROW, ROW])
    summary.update(0, ROW)
    summary._next = 0.0
    summary.update(1, ROW)
    assert len(caplog.records) == 1
    with pytest.raises(NeurotransferError, match=r"batch\.json cannot be written"):
        summary.write()


def test_a_file_is_moved_but_not_over_another(tmp_path):
    source, output = tmp_path / "source", tmp_path / "new" / "output"
    source.write_text("one")
    place(source, output, overwrite=False)
    assert (source.exists(), output.read_text()) == (False, "one")
    source.write_text("two")
    with pytest.raises(NeurotransferError, match="stays as it is"):
        place(source, output, overwrite=False)
    assert (source.read_text(), output.read_text()) == ("two", "one")
    place(source, output, overwrite=True)
    assert (source.exists(), output.read_text()) == (False, "two")
