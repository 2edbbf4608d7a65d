"""The gate on its own; with a thread behind it, see test_session."""

from __future__ import annotations

import threading

from engine.gate import Gate

PATIENCE = 20


def waiting(gate: Gate) -> tuple[threading.Thread, list[bool], threading.Event]:
    answers: list[bool] = []
    begun = threading.Event()

    def wait():
        begun.set()
        answers.append(gate.wait())

    thread = threading.Thread(target=wait)
    thread.start()
    assert begun.wait(PATIENCE)
    return thread, answers, begun


def test_an_open_gate_lets_through():
    gate = Gate()
    assert gate.wait()
    assert gate.idle_ns() == 0


def test_steps_are_counted_and_keep_the_gate_closed():
    gate = Gate()
    gate.step()
    gate.step()
    assert gate.wait()
    assert gate.wait()
    thread, answers, _ = waiting(gate)
    gate.resume()
    thread.join(PATIENCE)
    assert answers == [True]
    assert gate.wait()


def test_resume_forgets_steps_that_were_not_taken():
    gate = Gate()
    gate.step()
    gate.resume()
    gate.pause()
    thread, answers, _ = waiting(gate)
    gate.cancel()
    thread.join(PATIENCE)
    assert answers == [False]


def test_cancel_wins_over_everything_until_reset():
    gate = Gate()
    gate.cancel()
    gate.resume()
    gate.step()
    assert not gate.wait()
    gate.reset()
    assert gate.wait()
    assert not gate.paused
