"""A distillation from beginning to end, or from where it was stopped. Imports torch."""

# pyright: basic
from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.backends.hf import devices
from engine.distil import card, evaluation, export
from engine.distil.converted import write_metadata
from engine.distil.costs import cost_ratio
from engine.distil.figures import Learnt, Stage, Step, Told
from engine.distil.folder import PER_TOKEN, Folder, unwritable, write_whole
from engine.distil.plan import Plan
from engine.distil.stage_text import write_text
from engine.distil.student import Student, begun_student, make_student, trimming_of
from engine.distil.target import Target, load_target
from engine.distil.text import Text, read_parts
from engine.distil.training import Training
from engine.errors import Cancelled, ModelError
from engine.job import JobRunner
from engine.trimming import Trimming

_PER_PARAMETER = 4 * 3 * 2 + 8  # bytes: state, twice while it is replaced; the exported files


class Distillation:
    """One draft for one target. `run` does the work, `cancel` stops it from another thread.

    plan: validated. out: folder that the draft gets when it is whole. resume: go on with what was
    stopped. tell: receives `Step` and `Learnt`.
    """

    def __init__(self, plan: Plan, out: Path, resume: bool, tell: Callable[[Told], None]) -> None:
        self._plan, self._resume, self._tell = plan, resume, tell
        self._folder = Folder(out)
        self._cancelled = threading.Event()
        self._runner = JobRunner()

    def cancel(self) -> None:
        """Stop soon: `run` raises Cancelled. What was done stays and can be resumed."""
        self._cancelled.set()
        self._runner.cancel()

    def run(self) -> Path:
        """Make the draft; the folder. Raises ModelError and ConfigError for what cannot be done,
        before any long work where that can be known, and Cancelled."""
        plan, folder = self._plan, self._folder
        folder.check(plan, self._resume)
        try:
            target = load_target(plan, self._stage("load"))
            begun = begun_student(target, plan) if plan.begin else None
            folder.open(plan, plan.tokens * PER_TOKEN + _PER_PARAMETER * _parameters(target, plan))
            try:
                student, learnt = self._learn(target, begun)
                made = self._export(student, target)
                licence = target.licence
                config = student.network.config
                shape = config.num_hidden_layers, config.hidden_size, config.vocab_size
                del student, target, begun
                devices.release()  # the measured models are loaded anew
                self._evaluate(made, learnt, licence, shape)
            finally:
                folder.close()
        except (RuntimeError, MemoryError) as error:
            if not devices.out_of_memory(error):
                raise
            raise ModelError(
                "There is not enough memory.",
                "Choose a smaller draft, or fewer --rows and a smaller --batch.",
            ) from error
        finally:
            self._runner.close()
            devices.release()
        return folder.out

    def _stage(self, stage: Stage) -> Callable[..., None]:
        """Takes fractions of a stage, tells them, raises Cancelled."""
        timer = _Timer()

        def tell(fraction: float, detail: str = "") -> None:
            if self._cancelled.is_set():
                raise Cancelled("Cancelled.")
            self._tell(Step(stage, fraction, detail, timer.left(fraction)))

        return tell

    def _learn(self, target: Target, begun: Student | None) -> tuple[Student, Learnt]:
        plan, folder = self._plan, self._folder
        written = self._stage("write")
        write_text(
            target,
            plan,
            folder,
            lambda n: written(min(1.0, n / plan.tokens), f"{n:,} of {plan.tokens:,} tokens"),
        )
        texts = list(read_parts(folder.parts))
        student = begun or make_student(target, plan, self._trimming(target, texts))
        ratio = cost_ratio(student.network, target.network)
        training = Training(student, plan, texts, ratio)
        if folder.state.is_file():
            training.load(folder.state)
        if training.fraction < 1.0:  # the figures of an earlier draft are not those of this one
            shutil.rmtree(folder.evaluation, ignore_errors=True)
        folder.keep_learnt(training.tokens)
        trained = self._stage("train")
        last: list[Learnt] = []

        def tell(told: Learnt | float) -> None:
            if isinstance(told, Learnt):
                folder.add_learnt(told)
                last[:] = [told]
                self._tell(told)
            else:
                trained(told, f"{training.tokens:,} tokens")

        def save() -> None:
            try:
                training.save(folder.state)
            except OSError as error:
                raise unwritable(folder.work, error) from error

        training.run(tell, save)
        return student, last[0]

    def _trimming(self, target: Target, texts: list[Text]) -> Trimming | None:
        """Chosen once: text that is written later does not change what the student knows."""
        path = self._folder.trimming
        if not path.is_file():
            trimming = trimming_of(target, self._plan, texts)
            if trimming is None:
                return None
            write_whole(path, trimming.text().encode())
        return Trimming.read(path.read_text())

    def _export(self, student: Student, target: Target) -> list[Path]:
        """Write the draft's files; those to measure."""
        folder = self._folder.draft
        written = self._stage("export")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            export.write_folder(student, target, folder)
            taken_over = target.gguf or self._metadata(target)
            if taken_over is not None:
                for i, kind in enumerate(export.QUANTISATIONS, start=1):
                    written(i / (1 + len(export.QUANTISATIONS)), kind)
                    path = folder / export.file_name(kind)
                    export.write_gguf(student, target, taken_over, path, kind)
        except OSError as error:
            raise unwritable(folder, error) from error
        written(1.0)
        if target.gguf is None:
            return [folder]
        return [folder / export.file_name(kind) for kind in export.QUANTISATIONS if kind != "F16"]

    def _metadata(self, target: Target) -> Path | None:
        """Of a target that is no GGUF file."""
        path = self._folder.work / "metadata.gguf"
        return path if write_metadata(target, path) else None

    def _evaluate(
        self, made: list[Path], learnt: Learnt, licence: str, shape: tuple[int, int, int]
    ) -> None:
        plan, folder = self._plan, self._folder
        told = self._stage("evaluate")
        results = evaluation.evaluate(
            plan,
            made,
            folder.evaluation,
            self._runner,
            lambda p: told(p.done / max(1, p.total), p.doing),
        )
        try:
            shutil.copyfile(folder.log, folder.draft / folder.log.name)
            shutil.copytree(
                folder.evaluation,
                folder.draft / folder.evaluation.name,
                ignore=shutil.ignore_patterns("recordings", "lock"),
                dirs_exist_ok=True,
            )
            text = card.card(plan, folder.out, learnt, results, licence, shape)
            write_whole(folder.draft / "README.md", text.encode())
            folder.publish()
        except OSError as error:
            raise unwritable(folder.out, error) from error


def _parameters(target: Target, plan: Plan) -> int:
    """About how many the student has."""
    config = target.config
    width = plan.hidden or config.hidden_size
    share = plan.layers / config.num_hidden_layers * (width / config.hidden_size) ** 2
    body = sum(p.numel() for p in target.network.model.layers.parameters())
    return round(body * share) + (plan.vocabulary or config.vocab_size) * width


class _Timer:
    """What is left of a stage, from what it took so far; a resumed one begins somewhere inside."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def left(self, fraction: float) -> float | None:
        now = time.monotonic()
        if self._began is None:
            self._began = now, fraction
        start, at = self._began
        if now - start < 2.0 or fraction <= at:
            return None
        return (now - start) * (1.0 - fraction) / (fraction - at)
