from __future__ import annotations

from collections import Counter

from engine.experiments.grid import config_of, grid, model_spec
from engine.experiments.spec import PromptChoice
from tests.engine.experiments.toy_sweeps import toy


def test_every_combination_once():
    whole = grid(toy())
    assert len(whole.cells) == 2 * 2 * 2 * 3
    assert len({cell.id for cell in whole.cells}) == len(whole.cells)
    runs = Counter((c.id, block.repeat) for block in whole.blocks for c in block.cells)
    assert set(runs.values()) == {1}
    assert whole.runs == 2 * len(whole.cells)


def test_the_same_spec_gives_the_same_grid():
    assert grid(toy()) == grid(toy())
    assert grid(toy()).blocks != grid(toy(seed=1)).blocks


def test_drafters_with_and_without_a_model_share_a_baseline():
    for block in grid(toy()).blocks:
        assert block.draft == "toy"
        assert {cell.setting.drafter for cell in block.cells} == {"ngram", "model"}
        assert len({(cell.prompt.id, cell.setting.temperature) for cell in block.cells}) == 1


def test_a_drafter_without_a_model_runs_once_for_each_target():
    drafts = Counter(
        (cell.setting.drafter, cell.setting.draft)
        for cell in grid(toy(draft=("toy", "other"), prompts=PromptChoice(number=1))).cells
    )
    assert drafts == {("ngram", None): 4, ("model", "toy"): 4, ("model", "other"): 4}


def test_what_cannot_run_is_refused_with_the_reason():
    cells = grid(toy(rule=("rejection", "block"))).cells
    refused = [cell for cell in cells if cell.refused]
    assert {(c.setting.drafter, c.setting.rule, c.setting.temperature) for c in refused} == {
        ("ngram", "block", 0.8)
    }
    assert all("needs the draft's probabilities" in cell.refused for cell in refused)
    assert not any(c.refused for block in grid(toy(rule=("block",))).blocks for c in block.cells)


def test_auto_is_one_setting_whatever_the_lengths():
    cells = grid(toy(drafter=("auto",), prompts=PromptChoice(number=1))).cells
    assert [cell.setting.gamma for cell in cells] == [16, 16]
    assert {cell.setting.draft for cell in cells} == {"toy"}


def test_models_are_loaded_as_the_spec_says():
    spec = toy(threads=3, gpu_layers=5, context=512, device="cuda:1", precision="bfloat16")
    how = model_spec(spec, "org/model")
    assert (how.source, how.threads, how.gpu_layers, how.context, how.device, how.precision) == (
        *("org/model", 3, 5, 512, "cuda:1", "bfloat16"),
    )


def test_repeats_draw_anew():
    spec = toy(seed=7)
    setting = grid(spec).cells[0].setting
    assert [config_of(spec, setting, r).seed for r in range(3)] == [7, 8, 9]


def test_the_exit_layer_is_part_of_the_cells_that_use_it():
    def ids(drafter: str, layer: int) -> list[str]:
        return [cell.id for cell in grid(toy(drafter=(drafter,), exit_layer=layer)).cells]

    assert ids("ngram", 0) == ids("ngram", 9)
    assert not set(ids("early-exit", 0)) & set(ids("early-exit", 9))
    spec = toy(drafter=("early-exit",), exit_layer=9)
    assert {config_of(spec, cell.setting).exit_layer for cell in grid(spec).cells} == {9}
