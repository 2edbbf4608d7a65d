"""A run in a terminal, where progress and text share the screen."""

from __future__ import annotations

import io

import msgspec
import pytest

from engine.config import Config
from engine.console import Progress, Screen
from engine.trace import Trace
from tests.engine.toys import demo_pair, run_events


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_gone_before_the_text_comes(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    progress = Progress()
    screen = Screen(terminal, colour=False, skip_baseline=False)
    target, draft = demo_pair()
    trace = Trace()
    for event in run_events(Config(max_tokens=12), target, draft, (1, 2, 3)):
        trace.apply(event)
        progress.event(event)
        screen.event(event, trace)
    shown = terminal.getvalue()
    assert "Reading the prompt: 2 of 2 tokens" in shown
    assert shown.rsplit("\r\x1b[K", 1)[1] == trace.run.text, (
        "nothing is erased after the text began"
    )


@pytest.mark.parametrize("synthetic", [True, False])
def test_made_up_weights_are_told_of_below_the_figures(synthetic: bool):
    target, draft = demo_pair()
    target.info = msgspec.structs.replace(target.info, simulated=False, synthetic=synthetic)
    trace = Trace()
    for event in run_events(Config(max_tokens=12), target, draft, (1, 2, 3)):
        trace.apply(event)
    shown = io.StringIO()
    Screen(shown, colour=False, skip_baseline=False).summary(trace.run, None)
    assert "tokens/s (measured)" in shown.getvalue()
    assert ("simulated acceptance, measured time" in shown.getvalue()) is synthetic


def test_no_progress_where_nobody_looks(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    progress = Progress()
    progress.loading("target", 0.5)
    progress.clear()
    assert pipe.getvalue() == ""
