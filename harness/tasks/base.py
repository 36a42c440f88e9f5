"""What a verifiable task is: a finite problem space, split once for good, and a verifier that leaves nothing to judge.

Held-out prompts are disjoint from training prompts by construction: which side a problem falls on is a hash of its content
(`Problem.group`), not of a seed and not of a list. Problems that give each other away (7+3 and 3+7, two orders of the same
digits) share a group, hence a side.

The verifier is one regular expression for the form and equality for the content. lm-eval filters completions with the same
expression, so a reward and an exact match are the same number.
"""

import abc
import dataclasses
import hashlib
import random
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar, Literal

from harness.errors import SpecError

Split = Literal["train", "test"]


@dataclasses.dataclass(frozen=True)
class Problem:
    """A prompt and its one right answer; `group` names the problems that are held out together."""

    prompt: str
    answer: str
    group: str


@dataclasses.dataclass(frozen=True)
class Task(abc.ABC):
    """A family of problems. Subclasses are frozen dataclasses whose fields are the size of the problem space.

    Prompts of one family have equal length in tokens, so a batch of prompts never needs padding.
    """

    name: ClassVar[str]
    family: ClassVar[str | None] = None  # task whose split this one shares; None: its own
    version: ClassVar[int] = 1  # of prompts, split and verifier together; part of `spec`
    end: ClassVar[str] = "."
    pattern: ClassVar[str] = r"([^.\s]+)\."  # matched at the start of a completion; group 1 is compared with the answer
    held_out: ClassVar[int] = 8  # one group in so many is a test group
    bos: ClassVar[bool] = True  # whether the tokenizer's special tokens go in front of the prompt

    @abc.abstractmethod
    def space(self) -> Iterator[Problem]:
        """Every problem of the family, in a fixed order."""

    @property
    def max_new_tokens(self) -> int:
        """Tokens that the longest demonstration needs, end mark included (one token a character)."""
        return _longest(self)

    def spec(self) -> dict[str, Any]:
        """What identifies the task in the hash of a recipe: name, version and sizes."""
        return {"task": self.name, "version": self.version, **dataclasses.asdict(self)}

    def size(self, split: Split) -> int:
        """How many different problems a split holds."""
        return len(_side(self, split))

    def problems(self, n: int, generator: random.Random, split: Split = "train") -> list[Problem]:
        """`n` problems drawn by `generator`: with repetition from train, all different from test.

        Raises:
            SpecError: a split of another name, or more test problems asked for than there are.
        """
        side = _side(self, split)
        if split == "train":
            return generator.choices(side, k=n)
        if n > len(side):
            raise SpecError(f"{self.name} holds out {len(side)} problems and {n} were asked for: ask for fewer.")
        return generator.sample(side, k=n)

    def is_held_out(self, group: str) -> bool:
        """Whether a group of problems belongs to test: a hash of the family's name and the group, the same for all sizes."""
        digest = hashlib.blake2b(f"{self.family or self.name}:{group}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.held_out == 0

    def demonstration(self, problem: Problem) -> str:
        """The completion to imitate, end mark included."""
        return problem.answer + self.end

    def reward(self, problem: Problem, completion: str) -> float:
        """1.0 where the completion starts with the right answer in the right form, else 0.0; what follows is ignored."""
        found = re.match(self.pattern, completion)
        return float(found is not None and found.group(1) == problem.answer)


@lru_cache(maxsize=64)
def _side(task: Task, split: str) -> tuple[Problem, ...]:
    if split not in ("train", "test"):
        raise SpecError(f"unknown split {split!r}: it is train or test.")
    return tuple(p for p in task.space() if task.is_held_out(p.group) == (split == "test"))


@lru_cache(maxsize=64)
def _longest(task: Task) -> int:
    return max(len(task.demonstration(p)) for p in task.space())
