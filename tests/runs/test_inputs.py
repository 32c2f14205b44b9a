"""Facts of a run are the same after a way through JSON; what others may see of them names no folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from neurotransfer.runs.inputs import InputFile, Inputs, OutputOptions
from neurotransfer.runs.job import Job, prepare
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.run_folder import release
from neurotransfer.runs.run_info import RunInfo
from neurotransfer.system.errors import InputError
from neurotransfer.system.facts import FactError
from neurotransfer.transfer.plan import Plan
from neurotransfer.transfer.settings import Settings
from tests.runs.conftest import add_step, facts_of, run_info

INPUTS = Inputs(
    InputFile(Path("/pictures/photo.png"), "a" * 64),
    (InputFile(Path("/pictures/painting.png"), "b" * 64),),
)
OPTIONS = OutputOptions(
    snapshot_every=3, save_every=7.5, paper="a4", dpi=150.0, bits=16, alpha="flatten", keep_gps=True
)


def through_json(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("inputs", "other"),
    [
        (INPUTS, replace(INPUTS, content=INPUTS.styles[0])),
        (INPUTS, replace(INPUTS, content=replace(INPUTS.content, sha256="c" * 64))),
        (replace(INPUTS, start=INPUTS.content), INPUTS),
        (replace(INPUTS, styles=INPUTS.styles * 2), INPUTS),
    ],
    ids=["another photo", "another content", "a start picture", "two styles"],
)
def test_inputs_survive_json(inputs, other):
    folder = Path("/runs/here")
    assert Inputs.from_json(through_json(inputs.to_json(folder))).below(folder) == inputs
    assert Inputs.from_json(through_json(other.to_json(folder))).below(folder) == other != inputs


def test_inputs_without_folders_keep_names_and_hashes():
    found = Inputs.from_json(through_json(INPUTS.to_json(None)))
    assert [(file.path, file.sha256) for file in found] == [(Path(file.path.name), file.sha256) for file in INPUTS]


def test_paths_are_relative_to_the_run_where_they_share_a_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out" / "run"
    values = Inputs.of(Path("a.png"), Path("out/b.png"), start=Path("/c.png")).to_json(folder)
    assert [file["file"] for file in (values["content"], *values["styles"], values["start"])] == [
        "../../a.png",
        "../b.png",
        "/c.png",
    ]
    found = Inputs.from_json(through_json(values)).below(folder)
    assert [file.path for file in found] == [tmp_path / "a.png", tmp_path / "out" / "b.png", Path("/c.png")]


def test_hashed_inputs_have_the_hash_of_every_file(tmp_path):
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path in paths:
        path.write_text(path.name)
    found = [file.sha256 for file in Inputs.of(paths[0], paths[1], start=paths[2]).hashed()]
    assert len(set(found)) == 3
    assert all(len(value) == 64 for value in found)


@pytest.mark.parametrize("name", OPTIONS.to_json())
def test_output_options_survive_json(name):
    """Each option in turn differs from the others, so that none may be left out."""
    changed = replace(OutputOptions(), **{name: getattr(OPTIONS, name)})
    assert changed != OutputOptions()
    assert OutputOptions.from_json(through_json(changed.to_json())) == changed


def test_unknown_output_option_is_refused():
    with pytest.raises(FactError, match="options holds the unknown 'strength'"):
        OutputOptions.from_json(OPTIONS.to_json() | {"strength": 3})


@pytest.mark.parametrize("change", [{"alpha": "blue"}, {"dpi": 1.0}, {"paper": "a99"}], ids=str)
def test_output_option_out_of_range_is_refused(change):
    with pytest.raises(InputError, match="found"):
        OutputOptions(**change)


def rounded(plan):
    """Return the plan as JSON keeps it: its seconds are an estimate."""
    return replace(plan, seconds=round(plan.seconds, 1))


SETTINGS = [
    Settings(size=48, steps=4, precision="float32"),
    Settings(size=2000, enlarge=True, steps=30, optimizer="lbfgs", precision="bfloat16"),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=["small", "in tiles"])
def test_plan_survives_json(settings):
    plan = rounded(run_info(settings).plan)
    found = Plan.from_json(through_json(plan.to_json()))
    assert found == plan
    assert found.tiles(found.size) == plan.tiles(plan.size)
    assert [found.work(scale) for scale in found.scales] == [plan.work(scale) for scale in plan.scales]


def test_plans_of_other_settings_differ_after_json():
    first, second = (Plan.from_json(through_json(run_info(settings).plan.to_json())) for settings in SETTINGS)
    assert len(first.scales) < len(second.scales)
    assert first.precision != second.precision


@pytest.mark.parametrize("key", ["scales", "layers", "precision", "winograd", "memory", "max_memory", "seconds"])
def test_plan_without_a_value_is_refused(key):
    values = run_info().plan.to_json()
    del values[key]
    with pytest.raises(FactError, match=f"plan lacks '{key}'"):
        Plan.from_json(values)


@pytest.mark.parametrize("settings", SETTINGS, ids=["small", "in tiles"])
def test_run_info_survives_json(settings):
    info = run_info(settings, **OPTIONS.to_json())
    info = replace(info, inputs=INPUTS, plan=rounded(info.plan), cores=77, max_pixels=1_000_000)
    folder = Path("/runs/here")
    assert RunInfo.from_json(through_json(info.to_json(folder)), folder) == info
    for changes in ({"cores": 1}, {"max_pixels": None}, {"options": OutputOptions()}, {"inputs": Inputs()}):
        other = replace(info, **changes)
        assert RunInfo.from_json(through_json(other.to_json(folder)), folder) != info, changes


def test_recipe_has_no_facts_of_the_machine():
    info = run_info()
    other = replace(info, cores=77, plan=replace(info.plan, seconds=9.9, max_memory=1e12))
    assert other != info
    assert other.recipe() == info.recipe()
    assert replace(info, settings=Settings(size=48, steps=5)).recipe() != info.recipe()


def test_files_for_others_name_no_folder(photo, painting, tmp_path):
    start = tmp_path / "start.png"
    start.write_bytes(photo.read_bytes())
    inputs = Inputs.of(photo, painting, start=start)
    prepared = prepare(Job(inputs, SETTINGS[0], str(tmp_path / "out/"), OutputOptions(snapshot_every=1)))
    recorder = Recorder(prepared.paths, prepared.info)
    add_step(recorder)
    recorder.finish("finished")
    release(prepared.paths)
    folder = prepared.paths.folder
    texts = [(folder / "run.json").read_text()]
    for name in ("0.png", "final.png"):
        with Image.open(folder / name) as picture:
            texts.append(picture.text["neurotransfer"])
    for text in texts:
        assert str(tmp_path) not in text
        names = [file.path.name for file in Inputs.from_json(json.loads(text)["inputs"])]
        assert names == ["photo.png", "painting.png", "start.png"]
    assert facts_of(folder / "state.npz")["info"]["inputs"]["start"]["file"] == "../../start.png"
