"""What passes cost: measured on models whose costs are known, cached by what they depend on."""

from __future__ import annotations

import msgspec
import pytest

from engine.calibration import DRAFTED, WIDTHS, Cache, calibrated, measure
from engine.config import Config
from engine.cost import measure as costs_of
from engine.errors import Cancelled
from engine.gate import Gate
from engine.trace import Trace
from tests.engine.toys import demo_pair, flat_costs, run_events

TEXT = [1, 2, 3, 4, 5, 6, 7]


def timed(model, ids: int) -> int:
    """What the toy's clock says of a pass over so many tokens."""
    model.truncate(0)
    model.extend([1, 2, 3], "none")
    began = model.clock()
    model.extend([4] * ids, "all")
    spent = model.clock() - began
    model.truncate(0)
    return spent


def test_every_width_costs_what_its_passes_take():
    target, draft = demo_pair()
    found = measure(target, draft, TEXT, Gate())
    assert found.widths == WIDTHS
    assert found.verify_ns == pytest.approx([timed(target, k) for k in WIDTHS], rel=0.02)
    assert found.verify_low_ns == pytest.approx(found.verify_ns, rel=0.02)
    assert found.draft_ns is not None
    assert 0.9 * timed(draft, 1) < found.draft_ns < 1.5 * timed(draft, 2)
    assert (target.length, draft.length) == (0, 0)
    assert DRAFTED > 1


def test_without_a_draft_there_is_no_step():
    found = measure(demo_pair()[0], None, TEXT, Gate())
    assert (found.draft, found.draft_ns) == (None, None)


def test_it_can_be_cancelled_and_leaves_nothing_behind():
    target, draft = demo_pair()
    gate = Gate()
    with pytest.raises(Cancelled):
        measure(target, draft, TEXT, gate, lambda done: gate.cancel())
    assert (target.length, draft.length) == (0, 0)


def test_between_and_beyond_the_widths():
    costs = msgspec.structs.replace(flat_costs(), widths=(1, 2, 4), verify_ns=(10.0, 20.0, 30.0))
    assert [costs.verify_at(k) for k in (1, 2, 3, 4)] == [10.0, 20.0, 25.0, 30.0]
    assert costs.verify_at(6) == pytest.approx(30 + 2 * 20 / 3)


def test_what_another_machine_or_thread_count_measured_is_not_taken(tmp_path):
    cache = Cache(tmp_path / "sub" / "calibrations.json")
    known = flat_costs()
    assert cache.get(known.target, known.draft) is None
    cache.put(known)
    assert cache.get(known.target, known.draft) == known
    assert cache.get(known.target, None) == known, "the target's passes do not depend on a draft"
    other = msgspec.structs.replace(known.target, threads=3)
    assert cache.get(other, known.draft) is None
    cache.path.write_text("{")
    assert cache.get(known.target, known.draft) is None


def test_the_step_is_the_draft_models_alone():
    target, draft = demo_pair()
    events = run_events(Config(gamma=3, max_tokens=20), target, draft, target.encode("the"))
    own = costs_of(Trace(events).run)
    known = flat_costs(draft=0.5)
    assert calibrated(own, known, "model").draft == known.draft_ns / 1e9
    for copies in ("ngram", "suffix", "chain", "auto"):
        assert calibrated(own, known, copies).draft == own.draft
    assert calibrated(own, known, "ngram").verify_at(4) == known.verify_at(4) / 1e9
