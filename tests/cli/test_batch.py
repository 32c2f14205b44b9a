"""Whole batches through the installed command."""

import csv
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.cli.conftest import files
from tests.conftest import COMMAND, IMAGES, clean_environment

SMALL = ("--size", "40", "--steps", "2")


@pytest.fixture
def photos(tmp_path) -> Path:
    """Four small photos of two sizes."""
    folder = tmp_path / "photos"
    folder.mkdir()
    with Image.open(IMAGES / "chelsea_cat.jpg") as picture:
        for number in range(4):
            left = 40 * number
            shape = (64, 48) if number % 2 else (48, 64)
            picture.crop((left, 0, left + 200, 200)).resize(shape).save(folder / f"p{number}.png")
    return folder


def visible(folder: Path) -> list[str]:
    return [name for name in files(folder) if not name.startswith(".")]


def rows(folder: Path) -> dict[str, dict]:
    return {row["output"]: row for row in json.loads((folder / "batch.json").read_text())["jobs"]}


def test_a_folder_is_painted_failures_are_rows_and_nothing_is_done_twice(command, photos, painting, tmp_path):
    (photos / "bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (photos / "empty.png").touch()
    styled = tmp_path / "styled"
    batch = ("batch", photos, "-s", painting, *SMALL, "-o", f"{styled}/")
    done = command(*batch)
    assert done.returncode == 1, done.stderr
    assert visible(styled) == ["batch.csv", "batch.json", *(f"p{number}-painting.png" for number in range(4))]
    found = rows(styled)
    assert [found[f"p{number}-painting.png"]["status"] for number in range(4)] == ["painted"] * 4
    assert found["bad-painting.png"]["status"] == found["empty-painting.png"]["status"] == "failed"
    assert "ends too early" in found["bad-painting.png"]["reason"] or "damaged" in found["bad-painting.png"]["reason"]
    assert found["p0-painting.png"]["losses"]["style"] > 0
    with (styled / "batch.csv").open(newline="") as handle:
        assert {row["output"]: row["status"] for row in csv.DictReader(handle)} == {
            name: row["status"] for name, row in found.items()
        }
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1].startswith("2 failed, 4 painted, in ")

    before = {path.name: path.stat().st_mtime_ns for path in styled.iterdir()}
    (photos / "bad.jpg").unlink()
    os.utime(photos / "p1.png", (1, 1))  # the date does not count
    again = command(*batch)
    assert again.returncode == 1
    assert rows(styled)["p1-painting.png"]["status"] == "finished"
    assert all(before[name] == (styled / name).stat().st_mtime_ns for name in before if name.startswith("p"))
    (photos / "empty.png").unlink()
    assert command(*batch).returncode == 0


def test_other_settings_do_not_replace_results_unasked(command, photos, painting, tmp_path):
    batch = ("batch", photos / "p0.png", photos / "p1.png", "-s", painting, "--size", "40", "-o", "styled/")
    assert command(*batch, "--steps", "1").returncode == 0
    first = (tmp_path / "styled" / "p0-painting.png").read_bytes()
    refused = command(*batch, "--steps", "2")
    assert refused.returncode == 2
    assert "p0-painting.png, " in refused.stderr
    assert "--skip-existing" in refused.stderr
    skipped = command(*batch, "--steps", "2", "--skip-existing")
    assert (skipped.returncode, first) == (0, (tmp_path / "styled" / "p0-painting.png").read_bytes())
    assert rows(tmp_path / "styled")["p0-painting.png"]["status"] == "skipped"
    replaced = command(*batch, "--steps", "2", "--overwrite")
    assert replaced.returncode == 0, replaced.stderr
    assert first != (tmp_path / "styled" / "p0-painting.png").read_bytes()


def test_a_batch_paints_what_run_paints(command, photos, painting, tmp_path):
    exact = (*SMALL, "--precision", "float32")
    assert command("batch", photos, "-s", painting, *exact, "-o", "s/{content}.png", "-q", "-j", "1").returncode == 0
    for name in ("p0", "p3"):
        run = command("run", "-c", photos / f"{name}.png", "-s", painting, *exact, "-o", f"{name}.png", "-q")
        assert run.returncode == 0
        with Image.open(tmp_path / f"{name}.png") as one, Image.open(tmp_path / "s" / f"{name}.png") as other:
            assert one.tobytes() == other.tobytes()
    with Image.open(tmp_path / "p0.png") as one, Image.open(tmp_path / "s" / "p2.png") as other:
        assert one.tobytes() != other.tobytes()


def test_a_manifest_has_settings_of_its_own(command, photos, painting, tmp_path):
    manifest = tmp_path / "jobs.csv"
    manifest.write_text(
        "content,style,output,size,preset\nphotos/p0.png,painting.png,one.jpg,48,\nphotos/p1.png,,,,fast\n"
        "photos/none.png,,,,\n"
    )
    done = command("batch", "--manifest", manifest, "-s", painting, *SMALL, "-o", "styled/")
    assert done.returncode == 1
    found = rows(tmp_path / "styled")
    assert {name: row["status"] for name, row in found.items()} == {
        "one.jpg": "painted",
        "p1-painting.png": "painted",
        "none-painting.png": "failed",
    }
    assert max(found["one.jpg"]["width"], found["one.jpg"]["height"]) == 48
    manifest.write_text("content,size\nphotos/p0.png,big\n")
    wrong = command("batch", "--manifest", manifest, "-s", painting)
    assert wrong.returncode == 2
    assert "jobs.csv, line 2, size: expected a number of pixels" in wrong.stderr


def test_a_list_of_names_on_standard_input(photos, painting, tmp_path):
    names = "\0".join(str(photos / f"p{number}.png") for number in (0, 3))
    done = subprocess.run(
        [COMMAND, "batch", "-", "-0", "-s", painting, *SMALL, "-o", "styled/", "--json"],
        input=names.encode(),
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == {"painted": 2}


def test_dry_run_tells_and_does_nothing(command, photos, painting, tmp_path):
    (photos / "bad.jpg").write_bytes(b"no picture")
    plan = ("batch", photos, "-s", painting, "--size", "48", "-o", "styled/", "-n", "-j", "1")
    done = command(*plan)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^paint +p1-painting\.png +48x36 ", done.stdout, flags=re.M)
    assert re.search(r"^fail +bad-painting\.png .*not a picture", done.stdout, flags=re.M)
    assert done.stdout.splitlines()[-1].startswith("4 to paint, 1 at once: about ")
    found = json.loads(command(*plan, "--json").stdout)
    assert [task["size"] for task in found["tasks"]][1:] == [[36, 48], [48, 36], [36, 48], [48, 36]]
    assert not (tmp_path / "styled").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "There is nothing to paint"),
        (("photos", "-o", "one.png"), "names one file"),
        (("photos", "--skip-existing", "--overwrite"), "give one of them"),
        (("photos", "--combine", "zip"), "found 4 photos and 1 paintings"),
        (("none",), "There is no file or folder"),
        (("photos", "--strength", "2"), "--strength must be"),
    ],
)
def test_wrong_use_is_one_sentence(command, photos, painting, arguments, reason):
    done = command("batch", *arguments, "-s", painting)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_events_are_a_line_each(command, photos, painting):
    done = command("batch", photos / "p0.png", "-s", painting, *SMALL, "-o", "styled/", "--progress", "json", "-q")
    assert done.stderr == ""  # quiet wins
    done = command("batch", photos / "p1.png", "-s", painting, *SMALL, "-o", "styled/", "--progress", "json")
    events = [event for line in done.stderr.splitlines() if (event := json.loads(line))["event"] != "message"]
    assert [event["event"] for event in events] == ["start", "step", "step", "step", "done"]
    assert (events[0]["size"], events[0]["steps"]) == ([40, 30], 2)
    assert (events[-1]["status"], events[-1]["job"]) == ("painted", 1)
    run = command("run", "-c", photos / "p1.png", "-s", painting, *SMALL, "-o", "r.png", "--progress", "json")
    of_run = [event for line in run.stderr.splitlines() if (event := json.loads(line))["event"] != "message"]
    assert [event["event"] for event in of_run] == [event["event"] for event in events]
    assert [event["loss"] for event in of_run[1:-1]] == [event["loss"] for event in events[1:-1]]


def start(photos: Path, painting: Path, folder: Path, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [
            COMMAND,
            "batch",
            photos,
            "-s",
            painting,
            "--size",
            "40",
            "-o",
            "styled/",
            "-j",
            "1",
            "--progress",
            "json",
            *options,
        ],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(process: subprocess.Popen, kind: str, **values) -> dict:
    for line in process.stderr:
        if line.startswith("{"):
            event = json.loads(line)
            if event["event"] == kind and all(event[name] == value for name, value in values.items()):
                return event
    raise AssertionError(f"no {kind}")


def test_interrupted_batches_go_on_where_they_were(photos, painting, tmp_path):
    many = ("--steps", "4000", "--tolerance", "0", "--coarsest", "40")
    process = start(photos, painting, tmp_path, *many)
    until(process, "step", step=20)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it, to all processes
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    found = rows(tmp_path / "styled")
    assert [row["status"] for row in found.values()] == ["interrupted", "waiting", "waiting", "waiting"]
    assert not list((tmp_path / "styled").glob("*.png"))
    assert "1 interrupted, 3 not begun" in output
    process = start(photos, painting, tmp_path, *many)
    assert until(process, "step")["step"] >= 20
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_a_batch_that_was_killed_leaves_whole_results_and_no_process(photos, painting, tmp_path):
    process = start(photos, painting, tmp_path, "--steps", "30")
    until(process, "done", job=2)
    until(process, "step", job=3)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=60)
    assert not psutil.wait_procs(workers, timeout=10)[1]
    finished = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "styled").glob("*.png")}
    assert len(finished) == 2
    process = start(photos, painting, tmp_path, "--steps", "30")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "2 finished before, 2 painted" in output
    assert all((tmp_path / "styled" / name).stat().st_mtime_ns == when for name, when in finished.items())
    assert not [path for path in (tmp_path / "styled" / ".neurotransfer").iterdir() if path.is_dir()]


def test_a_killed_worker_costs_one_retry_and_two_a_row(photos, painting, tmp_path):
    process = start(photos, painting, tmp_path, "--steps", "60", "--tolerance", "0")

    def kill_worker() -> None:
        before = time.monotonic()
        while time.monotonic() - before < 30:
            for child in psutil.Process(process.pid).children():
                if "resource_tracker" not in " ".join(child.cmdline()):
                    child.kill()
                    return

    until(process, "step", job=1)
    kill_worker()
    until(process, "step", job=2)
    kill_worker()
    until(process, "start", job=2)
    until(process, "step", job=2)
    kill_worker()
    process.communicate(timeout=90)
    assert process.returncode == 1
    found = list(rows(tmp_path / "styled").values())
    assert [row["status"] for row in found] == ["painted", "failed", "painted", "painted"]
    assert "died twice" in found[1]["reason"]


def test_two_at_once_paint_the_same_pictures(command, photos, painting, tmp_path):
    """Broken ones end at once, so that a worker takes what the other one was told to expect."""
    for number in range(3):
        (photos / f"bad{number}.jpg").write_text("no picture")
    exact = ("batch", photos, "-s", painting, *SMALL, "--precision", "float32", "-q")
    for folder, jobs in (("one/", 1), ("two/", 2)):
        done = command(*exact, "-o", folder, "--jobs", str(jobs))
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 3
    assert visible(tmp_path / "one") == visible(tmp_path / "two")
    for number in range(4):
        name = f"p{number}-painting.png"
        with Image.open(tmp_path / "one" / name) as one, Image.open(tmp_path / "two" / name) as two:
            assert one.size == two.size
            first, second = (np.asarray(picture, float) for picture in (one, two))
        assert np.abs(first - second).mean() < 1.0  # sums are added in another order on one core
