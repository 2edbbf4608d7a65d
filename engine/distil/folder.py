"""Where the work lies until it is whole: a folder beside the one that is asked for."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine import lock
from engine.distil.figures import Learnt
from engine.distil.plan import Plan
from engine.errors import ConfigError, ModelError

PER_TOKEN = 32 * 6 + 5  # bytes of a written token with its distribution
_SPARE = 64 * 2**20
_RESUMABLE = {"minutes", "passes", "tokens", "threads", "device"}
"""What may be another value when work is resumed."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that is made, and the work that leads to it.

    OUT.work holds plan.json, text/ (the target's text), trimming.txt, training.pt (the student as
    far as it is), figures.jsonl (`Learnt`, a line each), draft/ (what OUT will be) and evaluation/.
    """

    out: Path

    @property
    def work(self) -> Path:
        return self.out.with_name(f"{self.out.name}.work")

    @property
    def plan(self) -> Path:
        return self.work / "plan.json"

    @property
    def trimming(self) -> Path:
        return self.work / "trimming.txt"

    @property
    def state(self) -> Path:
        return self.work / "training.pt"

    @property
    def log(self) -> Path:
        return self.work / "figures.jsonl"

    @property
    def draft(self) -> Path:
        return self.work / "draft"

    @property
    def evaluation(self) -> Path:
        return self.work / "evaluation"

    @property
    def parts(self) -> list[Path]:
        """The files of text that are whole, in order."""
        return sorted((self.work / "text").glob("*.npz"))

    def part(self, number: int) -> Path:
        return self.work / "text" / f"{number:05}.npz"

    def check(self, plan: Plan, resume: bool) -> None:
        """Raise ConfigError for a folder that is taken, for work that has begun and is not to be
        resumed, and for resuming what another plan began."""
        ours = resume and (self.out / self.log.name).is_file()
        empty = not self.out.exists() or (self.out.is_dir() and not any(self.out.iterdir()))
        if not (ours or empty):
            raise ConfigError(f"{self.out} is there already.", "Choose another folder.")
        begun = self.plan.is_file()
        if begun and not resume:
            raise ConfigError(
                f"{self.work} holds work that has begun.",
                "Go on with it (--resume), or delete it to begin anew.",
            )
        if resume and not begun:
            raise ConfigError(
                f"There is no work in {self.work} to resume.", "Begin it without --resume."
            )
        if begun:
            _check_resumed(self.read_plan(), plan)

    def open(self, plan: Plan, n_bytes: int) -> None:
        """Make the work's folder, or go on with the one that is there, and hold it until `close`.

        n_bytes: what the whole work writes. Raises ModelError for a disk without room, ConfigError
        if another process works there.
        """
        begun = self.plan.is_file()
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.work).free
            if not begun and free < n_bytes + _SPARE:
                self.work.rmdir()
                raise ModelError(
                    f"The work takes {(n_bytes + _SPARE) / 2**30:.1f} GiB of disk; "
                    f"{free / 2**30:.1f} GiB are free.",
                    "Make room, choose another disk, or have fewer tokens written.",
                )
            lock.take(self.work / "lock")
            (self.work / "text").mkdir(exist_ok=True)
            write_whole(self.plan, msgspec.json.format(msgspec.json.encode(plan), indent=2))
        except OSError as error:
            raise unwritable(self.work, error) from error

    def close(self) -> None:
        """Let other processes work here. Harmless when repeated."""
        (self.work / "lock").unlink(missing_ok=True)

    def read_plan(self) -> Plan:
        """The plan of the work that has begun."""
        try:
            return msgspec.json.decode(self.plan.read_bytes(), type=Plan)
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError(
                f"{self.plan} cannot be read: {error}.", "Delete the folder and begin anew."
            ) from error

    def learnt(self) -> list[Learnt]:
        """The figures so far, oldest first; a torn last line is left out."""
        if not self.log.is_file():
            return []
        lines = self.log.read_bytes().split(b"\n")[:-1]
        return [msgspec.json.decode(line, type=Learnt) for line in lines]

    def keep_learnt(self, tokens: int) -> None:
        """Forget figures of training that is to be done again: beyond so many tokens."""
        kept = [learnt for learnt in self.learnt() if learnt.tokens <= tokens]
        write_whole(self.log, b"".join(msgspec.json.encode(learnt) + b"\n" for learnt in kept))

    def add_learnt(self, learnt: Learnt) -> None:
        with self.log.open("ab") as file:
            file.write(msgspec.json.encode(learnt) + b"\n")

    def publish(self) -> None:
        """Give the draft its final name; one of an earlier training moves into the work."""
        if self.out.exists():
            earlier = self.work / "earlier"
            shutil.rmtree(earlier, ignore_errors=True)
            self.out.rename(earlier)
        self.draft.rename(self.out)


def _check_resumed(begun: Plan, asked: Plan) -> None:
    """Work that goes on may be asked to take longer, not to be something else."""
    for name in Plan.__struct_fields__:
        old, new = getattr(begun, name), getattr(asked, name)
        if old != new and name not in _RESUMABLE:
            raise ConfigError(
                f"The work was begun with {name} {old!r}, not {new!r}.",
                "Resume it with the same settings, or choose another folder.",
            )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that has its name only when it is whole."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def unwritable(path: Path, error: OSError) -> ModelError:
    return ModelError(
        f"{path} cannot be written: {error.strerror or error}.", "Choose another folder or disk."
    )
