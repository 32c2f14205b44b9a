"""Objectives of arrays, for benchmarks that measure inside this process; TensorFlow is set up as for the command."""

from neurotransfer import Session, Settings, load_tensorflow
from neurotransfer.system.array import Array
from neurotransfer.system.size import size_of
from neurotransfer.transfer.evaluation import Evaluate
from neurotransfer.transfer.plan import Machine, make_plan

load_tensorflow()


def objective_of(session: Session, settings: Settings, photo: Array, painting: Array) -> Evaluate:
    """Return the losses for a photo and a painting, each at its own size."""
    size = size_of(photo)
    plan = make_plan(size, [size_of(painting)], settings, Machine.here(), size)
    return session.objective(settings, plan, photo, painting)
