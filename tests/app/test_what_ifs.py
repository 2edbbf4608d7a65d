"""What-ifs give way to everything else, and only the newest waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.commands import State
from app.controller import Controller
from engine.config import Config, ModelSpec
from engine.errors import ErrorInfo
from engine.job import Job
from engine.session import Loading, Session, WhatIfDone
from engine.whatif.outcome import Change
from engine.whatif.rerun import WhatIfJob, what_if_job
from tests.app.fake_session import FakeSession
from tests.app.held import Held
from tests.app.traces import make_trace
from tests.engine.test_session import TOY

LOST = ErrorInfo("ModelError", "The file is gone.")


@pytest.fixture
def fake() -> FakeSession:
    return FakeSession()


@pytest.fixture
def make_control(qtbot) -> Iterator[Callable[[Any], Controller]]:
    """Controllers that are deleted with the test: their timers belong to this thread."""
    made: list[Controller] = []

    def make(session: Any) -> Controller:
        made.append(Controller(make_session=lambda: session))
        return made[-1]

    yield make
    for control in made:
        control.close()
        control.deleteLater()


@pytest.fixture
def control(make_control, fake) -> Controller:
    return make_control(fake)


def question(gamma: int = 2) -> WhatIfJob:
    run = make_trace(rounds=2).runs[1]
    job = WhatIfJob(
        "prompt", Config(gamma=gamma), 0, (1, 2), None, run.started.models, gamma,
    )  # fmt: skip
    return job


def pumped(control: Controller) -> None:
    for _ in range(4):
        control.pump.drain()


def test_the_window_stays_idle_and_hears_the_answer(control, fake, qtbot):
    states, loading, started = [], [], []
    control.state_changed.connect(states.append)
    control.loading.connect(lambda *args: loading.append(args))
    control.job_started.connect(lambda: started.append(True))
    control.ask_what_if(question())
    assert control.what_ifs.busy
    answer = "the answer"
    fake.say(Loading("target", 0.5), WhatIfDone(1, answer))
    with qtbot.waitSignal(control.what_ifs.done) as heard:
        pumped(control)
    assert heard.args == [answer]
    fake.finish()
    pumped(control)
    assert not control.what_ifs.busy
    assert control.state is State.IDLE
    assert not states
    assert not loading
    assert not started


def test_only_the_newest_question_waits(control, fake):
    for gamma in (1, 2, 3, 4):
        control.ask_what_if(question(gamma))
    fake.finish()
    pumped(control)
    assert [job.config.gamma for job in fake.jobs] == [1, 4]
    assert control.what_ifs.busy


def test_a_run_comes_first(control, fake):
    control.ask_what_if(question())
    control.ask_what_if(question(3))
    job = Job("prompt", Config(), ModelSpec("toy"), ModelSpec("toy"))
    control.start(job)
    assert fake.calls == ["submit", "cancel"]
    assert control.state is State.IDLE
    control.ask_what_if(question(5))
    fake.finish(outcome="cancelled")
    pumped(control)
    assert fake.jobs[1:] == [job], "the questions are dropped"
    assert control.state is State.LOADING


def test_what_cannot_be_answered_is_told(control, fake, qtbot):
    failed = []
    control.failed.connect(failed.append)
    control.ask_what_if(question())
    fake.finish(LOST)
    with qtbot.waitSignal(control.what_ifs.failed) as heard:
        pumped(control)
    assert heard.args == [LOST]
    assert not failed
    assert control.state is State.IDLE


def test_nothing_is_asked_during_a_run(control, fake):
    control.start(Job("prompt", Config(), ModelSpec("toy"), ModelSpec("toy")))
    control.ask_what_if(question())
    assert len(fake.jobs) == 1


def test_a_round_of_a_real_run_is_recomputed(qtbot, make_control):
    control = make_control(Session(Held().load))
    config = Config(gamma=3, temperature=0.9, max_tokens=12)
    with qtbot.waitSignal(control.ended):
        control.start(Job("the cat sat", config, TOY, TOY, baseline="none"))
    run = control.run
    assert run is not None
    with qtbot.waitSignal(control.what_ifs.done) as heard:
        control.ask_what_if(what_if_job(run, 1, Change(gamma=5), TOY, TOY))
    result = heard.args[0]
    assert (result.round, result.change, len(result.drafted)) == (1, Change(gamma=5), 5)
    assert control.run is run, "the shown run stays"
