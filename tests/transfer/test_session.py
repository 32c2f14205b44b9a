"""What one process makes once: a picture of a known size costs no graph, no weights, no painting and no memory."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from neurotransfer import Settings, load_image, stylize
from neurotransfer.transfer import session as module
from neurotransfer.transfer.session import Session
from neurotransfer.vgg import network
from tests.conftest import clean_environment

SMALL = Settings(size=64, steps=2, precision="float32")


def painted(content, style, settings=SMALL, **options):
    *_, last = stylize(content, style, settings, **options)
    return last.image


@pytest.fixture
def calls(monkeypatch):
    """How often weights were loaded, and pictures shown to the network outside of a graph."""
    counts = {"weights": 0, "features": 0}
    load, forward = module.load_weights, network.VGG19.__call__

    def counted_load(*arguments):
        counts["weights"] += 1
        return load(*arguments)

    def counted_forward(self, image, *arguments):
        counts["features"] += hasattr(image, "numpy")
        return forward(self, image, *arguments)

    monkeypatch.setattr(module, "load_weights", counted_load)
    monkeypatch.setattr(network.VGG19, "__call__", counted_forward)
    return counts


def test_a_second_photo_in_the_same_style_costs_no_graph(photo, painting, calls):
    session = Session()
    painted(photo, painting, session=session)
    first = session.traces
    assert (calls["weights"], calls["features"]) == (1, 2), "the photo and the painting"
    painted(load_image(photo)[:, ::-1], painting, session=session)
    assert session.traces == first > 0
    assert (calls["weights"], calls["features"]) == (1, 3), "the photo alone"


def test_another_size_or_weight_or_style_costs_what_it_must(photo, painting, calls):
    session = Session()
    painted(photo, painting, session=session)
    first = session.traces
    painted(photo, load_image(painting)[::-1], session=session)
    assert session.traces == first, "another painting needs no graph"
    assert calls["features"] == 4, "but both pictures are shown to the network"
    painted(photo, painting, replace(SMALL, content_weight=3.0), session=session)
    painted(photo, painting, replace(SMALL, size=48), session=session)
    assert session.traces == first, "nor do other weights or sizes"
    painted(photo, painting, replace(SMALL, style_layers=(("conv1_1", 1.0), ("conv3_2", 1.0))), session=session)
    assert session.traces == 2 * first, "other layers do"
    assert calls["weights"] == 1


def test_a_kept_session_changes_no_picture(photo, painting):
    session = Session()
    painted(load_image(photo)[::-1], painting, session=session)
    kept, fresh = painted(photo, painting, session=session), painted(photo, painting)
    assert np.array_equal(kept, fresh)
    assert not np.array_equal(kept, painted(load_image(photo)[::-1], painting, session=session))


def test_tiles_share_their_graphs_too(photo, painting):
    from neurotransfer.system.size import Size
    from neurotransfer.transfer.plan import Machine, make_plan

    settings = replace(SMALL, size=160, enlarge=True)
    plan = make_plan(Size(64, 48), [Size(64, 48)], settings, Machine.here())
    plan = replace(plan, winograd=False, memory=plan.memory._replace(max_tile_pixels=12_000))
    assert len(plan.tiles(plan.size)) > 1
    session = Session()
    first = painted(photo, painting, settings, plan=plan, session=session)
    traces = session.traces
    again = painted(photo, painting, settings, plan=plan, session=session)
    assert session.traces == traces
    assert np.array_equal(first, again)


def test_a_step_is_valid_as_long_as_it_is_held(photo, painting):
    run = stylize(photo, painting, replace(SMALL, steps=3))
    first = next(run)
    image, place = first.image.copy(), run.checkpoint()
    next(run)
    middle = run.checkpoint()
    moments = middle.optimizer["mean"].copy()
    list(run)
    assert np.array_equal(first.image, image)
    assert np.array_equal(place.image, image)
    assert np.array_equal(middle.optimizer["mean"], moments)
    assert not np.array_equal(run.checkpoint().optimizer["mean"], moments)
    resumed = list(stylize(photo, painting, replace(SMALL, steps=3), checkpoint=middle))
    assert [step.index for step in resumed] == [1, 2, 3]
    assert np.array_equal(resumed[-1].image, list(stylize(photo, painting, replace(SMALL, steps=3)))[-1].image)


JOBS = """
import sys
import numpy as np, psutil
from neurotransfer import Settings, stylize
from neurotransfer.transfer.session import Session

session = Session() if sys.argv[1] == "shared" else None
pictures = np.random.default_rng(0).uniform(0, 255, (2, 36, 48, 3)).astype(np.float32)
for number in range(1, int(sys.argv[2]) + 1):
    list(stylize(*pictures, Settings(size=48, steps=1), session=session))
    if number in (3, int(sys.argv[2])):
        print(psutil.Process().memory_info().rss / 1e6)
"""


@pytest.mark.parametrize(("kind", "jobs"), [("shared", 50), ("alone", 12)])
def test_the_last_job_holds_no_more_memory_than_the_third(kind, jobs):
    """Each job on its own left 63 MB behind: its weights and graphs, in a registry of TensorFlow's."""
    done = subprocess.run(
        [sys.executable, "-c", JOBS, kind, str(jobs)],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    )
    third, last = map(float, done.stdout.split())
    assert last - third < 3.0 * (jobs - 3)
    assert last - third < 40.0
