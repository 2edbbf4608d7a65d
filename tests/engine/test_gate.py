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


def test_a_round_passes_and_then_it_holds():
    gate = Gate()
    gate.pause()
    gate.step_round()
    for _ in range(5):
        assert gate.wait()
    gate.end_round()
    passed = threading.Event()
    thread = threading.Thread(target=lambda: gate.wait() and passed.set())
    thread.start()
    assert not passed.wait(0.05)
    gate.step_round()
    assert passed.wait(10)
    thread.join()


def test_steps_asked_for_during_a_round_come_after_it():
    gate = Gate()
    gate.step()
    gate.step_round()
    assert gate.wait()
    gate.end_round()
    assert gate.wait(), "the step is left"
    gate.cancel()
    assert not gate.wait()
