"""The losslessness lab: asks for what is set up, follows the check, and says what it found."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QLabel, QToolTip

from app import lab_words, theme
from app.commands import State
from app.panels.badge import Badge
from app.panels.lab_sheet import LabSheet
from app.views.law_plot import HEADER, MOST, ROW, LawPlot, outcome
from app.window import MainWindow
from engine.config import Config
from engine.errors import ErrorInfo
from engine.lab.result import CheckJob, CheckResult
from engine.session import CheckProgress, Loading
from tests.app.checks import check_result, greedy_result, lossy_result, toy_result
from tests.app.conftest import TOY
from tests.app.fake_session import FakeSession

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def faked(make_window, session: FakeSession) -> MainWindow:
    """A window whose engine says what a test lets it say."""
    return make_window(make_session=lambda: session)


def opened(window: MainWindow) -> LabSheet:
    window.actions_by_id["check"].trigger()
    sheet = window.lab.sheet
    assert sheet is not None
    assert sheet.isVisible()
    return sheet


def drain(window: MainWindow, session: FakeSession) -> None:
    while not session.outbox.empty():
        window.controller.pump.drain()


def test_it_opens_from_the_menu_and_from_the_badge(faked: MainWindow):
    sheet = opened(faked)
    sheet.reject()
    assert not sheet.isVisible()
    faked.setup_panel.drafting.lossless.click()
    assert faked.lab.sheet is sheet
    assert sheet.isVisible()
    assert not sheet.isModal()
    assert faked.actions_by_id["check"].shortcut().toString() == "Ctrl+L"


def test_it_says_what_will_be_checked(faked: MainWindow):
    sheet = opened(faked)
    assert sheet.what.text() == "Rejection sampling · Draft model · γ 4 · T 0.90"
    assert sheet.models.text() == "Toy pair, drafted by Toy pair"
    assert sheet.badge.text() == "lossless"
    panel = faked.setup_panel
    config = msgspec.structs.replace(
        TOY.config, rule="typical", branches=(3, 2), top_p=0.9, top_k=40
    )
    panel.setup = msgspec.structs.replace(TOY, config=config)
    assert sheet.what.text() == (
        "Typical acceptance, ε 0.09, δ 0.3 · Draft model · γ 4 · branches 3·2 · T 0.90 · top-k 40"
        " · top-p 0.9"
    )
    assert sheet.badge.text() == "not lossless"
    assert sheet.samples.isVisible()
    panel.sampling.temperature.value = 0
    assert sheet.badge.text() == "lossless"
    assert not sheet.samples.isVisible()
    assert "24 tokens" in sheet.stage.text()
    panel.drafting.drafter.name = "ngram"
    panel.drafting.length.name = "throughput"
    assert "n-gram · γ 4 · length by throughput · greedy" in sheet.what.text()
    assert sheet.models.text() == "Toy pair"


def test_a_check_asks_for_what_is_set_up(faked: MainWindow, session: FakeSession):
    sheet = opened(faked)
    sheet.samples.setValue(5000)
    sheet.tokens.setValue(3)
    sheet.run.click()
    (job,) = session.jobs
    assert isinstance(job, CheckJob)
    assert (job.samples, job.tokens, job.prompt) == (5000, 3, TOY.prompt)
    assert job.config == TOY.config
    assert job.target == TOY.job(None).target
    assert job.draft == TOY.job(None).draft
    assert job.corpus is None


def test_a_check_goes_through_its_states(faked: MainWindow, session: FakeSession):
    sheet = opened(faked)
    seen: list[State] = []
    faked.controller.state_changed.connect(seen.append)
    assert not sheet.cancel.isEnabled()
    assert sheet.bar.isHidden()
    sheet.run.click()
    assert seen == [State.CHECKING]
    assert not sheet.run.isEnabled()
    assert sheet.cancel.isEnabled()
    assert not faked.actions_by_id["run"].isEnabled()
    assert not faked.actions_by_id["pause"].isEnabled()
    assert faked.actions_by_id["stop"].isEnabled()
    session.say(Loading("target", 0.5))
    drain(faked, session)
    assert sheet.stage.text() == "Loading the target…"
    assert sheet.bar.value() == 500
    session.say(CheckProgress(1, 250, 2000, "plain"), CheckProgress(1, 500, 2000, "speculative"))
    drain(faked, session)
    assert sheet.stage.text() == "Decoding with speculation: 500 of 2,000"
    assert sheet.bar.value() == 250
    assert "500 of 2,000" in faked.status.verdict.text()
    session.found(check_result())
    drain(faked, session)
    assert seen == [State.CHECKING, State.IDLE]
    assert sheet.run.isEnabled()
    assert sheet.bar.isHidden()
    assert sheet.found.sentence.text().startswith("No difference found")
    assert faked.centre.progress.isHidden()


def test_the_run_on_screen_stays(faked: MainWindow, session: FakeSession):
    faked.setup_panel.show_recorded("Target: a")
    sheet = opened(faked)
    sheet.run.click()
    session.found(check_result())
    drain(faked, session)
    assert not faked.setup_panel.recorded.isHidden()
    assert faked.files.shown is None


@pytest.mark.parametrize("how", ["button", "escape", "stop"])
def test_a_check_can_be_cancelled(qtbot, faked: MainWindow, session: FakeSession, how: str):
    sheet = opened(faked)
    sheet.run.click()
    if how == "button":
        sheet.cancel.click()
    elif how == "escape":
        qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    else:
        faked.actions_by_id["stop"].trigger()
    assert session.calls == ["submit", "cancel"]
    assert faked.controller.state is State.CANCELLING
    assert sheet.isVisible(), "Esc ends the check, not the look at it"
    assert sheet.stage.text() == "Stopping…"
    assert not sheet.cancel.isEnabled()
    assert not sheet.run.isEnabled()
    session.finish(outcome="cancelled")
    drain(faked, session)
    assert faked.controller.state is State.IDLE
    assert sheet.run.isEnabled()
    assert sheet.found.result is None


def test_an_error_is_a_banner_where_it_is_seen(faked: MainWindow, session: FakeSession):
    error = ErrorInfo("ConfigError", "This cannot be.", "Do that.")
    sheet = opened(faked)
    sheet.run.click()
    session.finish(error)
    drain(faked, session)
    assert [b.message for b in sheet.banners.shown] == ["This cannot be."]
    assert faked.centre.banners.shown == []
    sheet.run.click()
    assert sheet.banners.shown == [], "a new check takes the old error away"
    sheet.hide()
    session.finish(error)
    drain(faked, session)
    assert [b.message for b in faked.centre.banners.shown] == ["This cannot be."]


def test_no_check_while_a_run_goes_on(faked: MainWindow, session: FakeSession):
    faked.run()
    sheet = opened(faked)
    assert not sheet.run.isEnabled()
    assert "Stop" in sheet.run.toolTip() or "stop" in sheet.run.toolTip()
    session.finish(outcome="cancelled")
    drain(faked, session)
    assert sheet.run.isEnabled()


def test_a_result_that_is_of_other_settings_says_so(faked: MainWindow, session: FakeSession):
    sheet = opened(faked)
    sheet.run.click()
    session.found(check_result())
    drain(faked, session)
    assert sheet.found.stale.isHidden()
    seed = faked.setup_panel.sampling.seed
    seed.setValue(99)
    assert not sheet.found.stale.isHidden()
    seed.setValue(TOY.config.seed)
    assert sheet.found.stale.isHidden()
    faked.setup_panel.engine.threads.setValue(3)
    assert sheet.found.stale.isHidden(), "threads change no law"
    sheet.tokens.setValue(1)
    assert not sheet.found.stale.isHidden()


@pytest.mark.parametrize(
    ("result", "badge", "mood"),
    [
        (check_result(), "lossless", "good"),
        (lossy_result(), "not lossless, as declared", "warn"),
        (lossy_result(declared=True), "failed", "bad"),
        (check_result(rule="lenient", declared=False), "no bias found", "warn"),
        (greedy_result(parts=True), "lossless", "good"),
    ],
)
def test_the_verdict_has_a_badge(qtbot, result: CheckResult, badge: str, mood: str):
    sheet = LabSheet(None)
    qtbot.addWidget(sheet)
    sheet.show_result(result)
    assert (sheet.found.badge.text(), sheet.found.badge.mood) == (badge, mood)
    assert sheet.found.sentence.text().replace("\xa0", " ") == result.sentence


def figure(result: CheckResult) -> dict[tuple[str, str], str]:
    return {(f.name, f.kind): f.value for f in lab_words.figures(result)}


def test_figures_carry_their_kind():
    assert figure(toy_result()) == {
        ("Total variation", "exact"): "2.2e-16, rounding",
        ("χ²", "sampled"): "51.2, 53 degrees of freedom",
        ("p-value", "sampled"): "0.55",
        ("Total variation", "sampled"): "0.0121, noise alone 0.0124",
        ("Would show", "modelled"): "a bias above 0.061",
        ("Tokens per pass τ", "exact"): "1.2222, of them 0.2220 drafted",
    }
    assert ("Total variation", "exact") not in figure(check_result())
    assert figure(check_result(p_value=0.0))["p-value", "sampled"] == "below 1e-300"
    few = check_result(detectable=1.4)
    assert figure(few)["Would show", "modelled"] == "nothing: too few samples"
    assert figure(check_result(exact_tv=0.1731))["Total variation", "exact"] == "0.1731"


def test_greedy_texts_that_part_are_told_with_their_margin():
    assert figure(greedy_result(parts=True)) == {
        ("First difference", "measured"): "token 41",
        ("Top-2 margin", "measured"): "0.0031, a numerical tie",
        ("Logits change by", "measured"): "0.0087 at most",
    }
    assert figure(greedy_result(parts=False)) == {}


def test_a_new_result_replaces_the_figures(qtbot):
    sheet = LabSheet(None)
    qtbot.addWidget(sheet)
    sheet.show()
    sheet.show_result(toy_result())
    sheet.show_result(greedy_result(parts=True))

    def texts() -> set[str]:
        return {label.text() for label in sheet.found.findChildren(QLabel)}

    qtbot.waitUntil(lambda: "p-value" not in texts())
    assert "First difference" in texts()
    assert sheet.found.plot.isHidden(), "no outcomes are drawn for greedy runs"


def test_the_result_can_be_copied(qapp, qtbot):
    sheet = LabSheet(None)
    qtbot.addWidget(sheet)
    sheet.show_result(toy_result())
    sheet.found.copy.click()
    assert msgspec.json.decode(qapp.clipboard().text(), type=CheckResult) == toy_result()
    assert sheet.found.copy.text() == "Copied"
    sheet.show_result(check_result())
    assert sheet.found.copy.text() == "Copy result"


def test_the_plot_shows_shares_and_the_exact_law(qtbot):
    plot = LawPlot()
    qtbot.addWidget(plot)
    plot.show_result(toy_result())
    assert len(plot.outcomes) <= MOST
    first = plot.outcomes[0]
    assert first.plain == pytest.approx(5580 / 20_000)
    assert first.speculative == pytest.approx(5710 / 20_000)
    assert first.exact == 0.284
    assert plot.has_exact
    plot.resize(plot.sizeHint())
    plot.grab()
    plot.show_result(check_result())
    assert not plot.has_exact
    plot.grab()
    exact_only = outcome(toy_result().cells[0], 0)
    assert (exact_only.plain, exact_only.speculative) == (0.284, 0.284)


def test_the_plot_tells_the_figures_of_an_outcome(qtbot):
    plot = LawPlot()
    qtbot.addWidget(plot)
    plot.show_result(toy_result())
    plot.resize(plot.sizeHint())
    plot.show()
    at = QPoint(200, HEADER + ROW + 4)
    plot.event(QHelpEvent(QEvent.Type.ToolTip, at, plot.mapToGlobal(at)))
    assert QToolTip.text() == "“ the code”: plain 17.50 %, speculative 17.05 %, exact 17.300 %"
    QToolTip.hideText()


def test_lines_of_plans():
    sampled = Config(temperature=0.5)
    assert "many runs" in lab_words.plan(sampled, 0, 2)
    assert "first token of 500 runs" in lab_words.plan(sampled, 500, 1)
    assert lab_words.progress("exact", 0, 0) == "Enumerating the exact law…"


# With the engine


def test_the_toy_pair_is_checked_exactly(qtbot, window: MainWindow):
    sheet = opened(window)
    sheet.samples.setValue(500)
    sheet.run.click()
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=60_000)
    assert sheet.banners.shown == []
    result = sheet.found.result
    assert result is not None
    assert result.lossless
    assert result.exact_tv is not None
    assert result.exact_tv < 1e-12
    assert sheet.found.badge.text() == "lossless"
    assert sheet.found.plot.has_exact
    assert window.presenter.run is None


def test_a_lossy_rule_is_found_out(qtbot, window: MainWindow):
    panel = window.setup_panel
    config = msgspec.structs.replace(TOY.config, rule="lenient", lenience=0.3)
    panel.setup = msgspec.structs.replace(TOY, config=config)
    sheet = opened(window)
    sheet.samples.setValue(2000)
    sheet.run.click()
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=60_000)
    result = sheet.found.result
    assert result is not None
    assert not result.lossless
    assert sheet.found.badge.text() == "not lossless, as declared"


def test_a_refused_combination_is_told_in_the_sheet(qtbot, window: MainWindow):
    panel = window.setup_panel
    config = msgspec.structs.replace(TOY.config, drafter="ngram", rule="block")
    panel.setup = msgspec.structs.replace(TOY, config=config)
    sheet = opened(window)
    sheet.run.click()
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=60_000)
    (banner,) = sheet.banners.shown
    assert "'block' needs the draft's probabilities" in banner.message


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("palette", ["standard", "okabe-ito"])
@pytest.mark.parametrize("mood", ["good", "warn", "bad"])
def test_badges_can_be_read(qtbot, monkeypatch, scheme, palette, mood):
    current = theme.make_theme(scheme, palette)
    monkeypatch.setattr(theme, "theme", lambda: current)
    badge = Badge()
    qtbot.addWidget(badge)
    badge.show_state("word", mood)
    fill, text = badge.colours()
    for behind in (current.panel, current.surface):
        assert theme.contrast(text, theme.blend(fill, behind)) >= 4.5
