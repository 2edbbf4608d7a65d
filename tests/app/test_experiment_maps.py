"""The tables behind the maps: values, states and reasons, and what they are called."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import msgspec
import pytest

from app.experiment_choice import ResultsChoice
from app.experiment_maps import Maps, with_waiting
from app.experiment_words import (
    EMBEDDED,
    METRICS,
    NO_DRAFT,
    figure,
    interval_words,
    metric_words,
    model_labels,
    printed,
    setting_words,
    value_label,
)
from engine.experiments.grid import Cell, Setting
from engine.experiments.results import KEYS, Definitions, Interval, gathered, read_results
from engine.experiments.spec import PromptChoice
from tests.app.sweeps import PAIRS, SMALL, write_folder

HOW = Definitions()
ONE = msgspec.structs.replace(PAIRS, gamma=(2, 4), temperature=(0.0,), repeats=2,
                              prompts=PromptChoice(number=2))  # fmt: skip


def maps_of(folder: Path, spec=SMALL, fate=lambda cell: "", most=None) -> Maps:
    return Maps(with_waiting(read_results(write_folder(folder, spec, fate, most=most))))


def fate(cell: Cell) -> str:
    at = cell.setting
    if "7b" in at.target and "smollm" in (at.draft or ""):
        return "refused: The vocabularies differ."
    if at.target == "" and at.drafter == "model":
        return "failed: Out of memory." if at.gamma == 4 else "waiting"
    return ""


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Maps:
    return maps_of(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Maps:
    return maps_of(tmp_path_factory.mktemp("pairs"), ONE, fate)


@pytest.mark.parametrize("how", [Definitions(), Definitions(efficiency=True, bonus=False)])
@pytest.mark.parametrize("metric", METRICS)
def test_a_cell_is_the_median_of_what_stands_there(small: Maps, metric, how):
    table = small.table(metric, how, "drafter", "gamma")
    assert table.row_keys == ("ngram", "suffix")
    assert table.column_keys == (2, 4, 8)
    for r, drafter in enumerate(table.row_keys):
        for c, gamma in enumerate(table.column_keys):
            inside = [
                cell for cell in small.results.cells.values()
                if cell.setting.drafter == drafter and cell.setting.gamma == gamma
            ]  # fmt: skip
            found = table.cells[r][c]
            assert found.interval == gathered(inside, metric, how)
            assert found.interval is not None
            assert found.text == printed(metric, found.interval.median)
            assert found.state == "done"
            assert list(found.cells) == inside


def test_filters_leave_out_what_does_not_pass(small: Maps):
    table = small.table("speedup", HOW, "drafter", "gamma", {"temperature": 0.8})
    inside = [cell for row in table.cells for place in row for cell in place.cells]
    assert inside
    assert {cell.setting.temperature for cell in inside} == {0.8}
    assert table.cells[0][0].interval != small.table(
        "speedup", HOW, "drafter", "gamma").cells[0][0].interval  # fmt: skip
    assert small.counts(("drafter", "gamma"), {"temperature": 0.8}).prompts == 3


def test_definitions_change_values_and_words(small: Maps):
    judged = small.table("acceptance", HOW, "drafter", "gamma")
    drafted = small.table("acceptance", Definitions(efficiency=True), "drafter", "gamma")
    assert judged.title == "Acceptance rate α"
    assert drafted.title == "Draft efficiency"
    for a, b in zip(judged.values, drafted.values, strict=True):
        assert b < a
    with_added = small.table("tokens_per_pass", HOW, "drafter", "gamma")
    without = small.table("tokens_per_pass", Definitions(bonus=False), "drafter", "gamma")
    assert "τ" in with_added.title
    assert "Accepted" in without.title
    assert with_added.values == pytest.approx([v + 1 for v in without.values])
    # What the switch is not about stays as it was.
    assert small.table("speedup", Definitions(True, False), "drafter", "gamma").values == (
        small.table("speedup", HOW, "drafter", "gamma").values
    )


def test_the_optimum_is_the_column_with_the_greatest_modelled_speedup(small: Maps):
    table = small.table("tokens_per_pass", HOW, "drafter", "gamma")
    modelled = small.table("modelled", HOW, "drafter", "gamma")
    for row, column in enumerate(table.optimum):
        values = [cell.interval.median for cell in modelled.cells[row] if cell.interval]
        assert column == values.index(max(values))
    assert small.table("speedup", HOW, "gamma", "drafter").optimum == ()


def test_no_optimum_without_the_models_figures(tmp_path: Path):
    maps = maps_of(tmp_path, most=0)
    table = maps.table("speedup", HOW, "drafter", "gamma")
    assert table.optimum == (None, None)
    assert {cell.state for row in table.cells for cell in row} == {"waiting"}


def test_what_was_not_run_yet_waits(tmp_path: Path):
    maps = maps_of(tmp_path, most=20)
    cells = [cell for row in maps.table("speedup", HOW, "drafter", "gamma").cells for cell in row]
    assert {cell.state for cell in cells} <= {"partial", "waiting"}
    assert any("not finished yet" in cell.reason for cell in cells)
    assert sum(len(cell.cells) for cell in cells) == 2 * 3 * 2 * 3
    # Negative control: without them a stopped experiment looks whole.
    bare = Maps(read_results(tmp_path))
    assert len(bare.results.cells) < 36


def test_gone_prompts_leave_what_was_run(tmp_path: Path):
    results = read_results(write_folder(tmp_path, SMALL))
    results.spec = msgspec.structs.replace(SMALL, prompts=PromptChoice(file="/gone.toml"))
    n = len(results.cells)
    assert len(with_waiting(results).cells) == n


def test_states_and_reasons(pairs: Maps):
    table = pairs.table("speedup", HOW, "draft", "gamma", {"target": ONE.target[1]})
    place = table.place_of(ONE.draft[1], 2)
    assert place is not None
    refused = table.cells[place[0]][place[1]]
    assert refused.state == "refused"
    assert refused.reason == "The vocabularies differ."
    assert refused.interval is None
    mixed = pairs.table("speedup", HOW, "drafter", "gamma")
    failed = mixed.at(*(mixed.place_of("model", 4) or (9, 9)))
    assert failed is not None
    assert failed.state == "partial"
    assert "failed: Out of memory." in failed.reason
    assert "refused: The vocabularies differ." in failed.reason
    waiting = mixed.at(*(mixed.place_of("model", 2) or (9, 9)))
    assert waiting is not None
    assert "not finished yet" in waiting.reason
    only = pairs.table("speedup", HOW, "draft", "gamma", {"target": "", "drafter": "model"})
    assert [cell.state for cell in only.cells[0]] == ["waiting", "failed"]


def test_the_pair_matrix_names_the_best_setting(pairs: Maps):
    table = pairs.pairs(HOW)
    assert table.columns[0].text == NO_DRAFT
    assert [label.text for label in table.rows][-1] == EMBEDDED
    for r, target in enumerate(table.row_keys):
        for c, draft in enumerate(table.column_keys):
            cell = table.cells[r][c]
            groups: dict[Setting, list[float]] = {}
            for each in pairs.results.cells.values():
                if each.setting.target == target and each.setting.draft == draft and each.runs:
                    value = each.value("speedup")
                    assert value is not None
                    groups.setdefault(each.setting, []).append(value)
            if not groups:
                assert cell.interval is None
                assert cell.reason
                continue
            best = max(groups, key=lambda setting: median(groups[setting]))
            assert cell.interval is not None
            assert cell.interval.median == median(groups[best])
            assert cell.note == setting_words(best)
            assert {each.setting for each in cell.cells} == {best}
    assert table.cells[1][2].state == "refused"
    assert "Best of 2 settings." in table.cells[0][0].reason


def test_a_combination_that_is_not_there_is_absent(tmp_path: Path):
    spec = msgspec.structs.replace(SMALL, drafter=("ngram", "auto"), draft=("",))
    table = maps_of(tmp_path, spec).table("speedup", HOW, "drafter", "gamma")
    states = {cell.state for row in table.cells for cell in row}
    assert "absent" in states
    # auto chooses γ: what stands in its setting is only the most that it may choose.
    assert table.columns[-1].text == "chosen"
    assert table.at(1, 3) is not None
    assert [cell.state for cell in table.cells[1]] == ["absent", "absent", "absent", "done"]
    assert setting_words(table.cells[1][3].cells[0].setting).startswith("Auto · T")
    assert table.at(9, 0) is None
    assert table.place_of("ngram", 77) is None


def test_axes_and_choices(small: Maps, pairs: Maps):
    assert small.axes == ["drafter", "gamma", "temperature", "kind", "prompt"]
    assert small.first_axes() == ("drafter", "gamma")
    choice = ResultsChoice(rows="target", columns="gamma", filters={"rule": "x", "gamma": 2})
    fitting = choice.fitting(small)
    assert (fitting.rows, fitting.columns, fitting.filters) == ("drafter", "gamma", {"gamma": 2})
    assert fitting.applied == {}
    assert msgspec.structs.replace(fitting, view="pairs").applied == {"gamma": 2}
    kept = ResultsChoice(rows="target", columns="draft", filters={"gamma": 2, "draft": None})
    assert kept.fitting(pairs).applied == {"gamma": 2}
    again = msgspec.json.decode(msgspec.json.encode(kept), type=ResultsChoice)
    assert again == kept
    assert KEYS.keys() == {*small.known}


def test_one_setting_still_has_a_map(tmp_path: Path):
    spec = msgspec.structs.replace(SMALL, drafter=("ngram",), gamma=(4,), temperature=(0.0,),
                                   prompts=PromptChoice(number=1))  # fmt: skip
    maps = maps_of(tmp_path, spec)
    rows, columns = maps.first_axes()
    table = maps.table("speedup", HOW, rows, columns)
    assert (len(table.rows), len(table.columns)) == (1, 1)
    assert table.optimum == ()


def test_times_of_a_toy_are_simulated(tmp_path: Path):
    spec = msgspec.structs.replace(SMALL, target=("toy", ""))
    maps = maps_of(tmp_path, spec)
    kinds = {
        target: maps.table("speedup", HOW, "drafter", "gamma", {"target": target}).kind
        for target in spec.target
    }
    assert kinds == {"toy": "simulated", "": "measured"}
    assert maps.table("tokens_per_second", HOW, "drafter", "gamma").kind == (
        "measured and simulated"
    )
    assert maps.table("acceptance", HOW, "drafter", "gamma").kind == "measured"


def test_what_made_up_weights_accept_is_simulated(tmp_path: Path):
    spec = msgspec.structs.replace(SMALL, target=("synthetic", ""))
    maps = maps_of(tmp_path, spec)

    def kind(metric, filters=None):
        return maps.table(metric, HOW, "drafter", "gamma", filters).kind

    one = {"target": "synthetic"}
    assert kind("speedup", one) == "measured times, simulated acceptance"
    assert kind("acceptance", one) == kind("tokens_per_pass", one) == "simulated"
    assert kind("modelled", one) == "modelled"
    assert kind("acceptance") == "measured and simulated"
    assert kind("acceptance", {"target": ""}) == "measured"


def test_labels_for_people():
    labels = model_labels(["", None, "toy", "/a/qwen.gguf", "/b/qwen.gguf", "org/model-1.5B"])
    assert [label.text for label in labels.values()] == [
        EMBEDDED, NO_DRAFT, "Toy", "model-1.5B", "a/qwen", "b/qwen",
    ] or sorted(label.text for label in labels.values()) == sorted(
        [EMBEDDED, NO_DRAFT, "Toy", "model-1.5B", "a/qwen", "b/qwen"]
    )  # fmt: skip
    assert value_label("gamma", 4).text == "4"
    assert value_label("temperature", 0.0).full == "T = 0, greedy"
    assert value_label("drafter", "ngram").text == "n-gram"
    assert value_label("drafter", "model").text == "Draft model"
    at = Setting("", None, "ngram", 4, 0.8, "block", "confidence")
    assert setting_words(at) == "n-gram · γ 4 · T 0.8 · Block · length confidence"


def test_figures_for_people():
    assert figure("speedup", 1.316) == "1.32×"
    assert printed("speedup", 1.316) == "1.32"
    assert figure("speedup", 2.316) == "2.3×"
    assert printed("speedup", 2.316) == "2.32"
    assert figure("acceptance", 0.777) == "78 %"
    assert printed("acceptance", 0.777) == "78"
    assert figure("tokens_per_second", 1234.5) == "1,234"
    assert interval_words("speedup", Interval(1.3, 1.2, 1.4, 12)) == (
        "1.30×, 95 % interval 1.20× to 1.40×, n = 12"
    )
    # Of so few the extremes are no 95 % interval, and it is not called one.
    assert interval_words("speedup", Interval(1.3, 1.2, 1.4, 5)).startswith("1.30×, range")
    assert interval_words("speedup", Interval(1.3, 1.3, 1.3, 1)) == "1.30×, n = 1"
    assert metric_words("modelled", HOW).kind == "modelled"
