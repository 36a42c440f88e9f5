"""One-digit addition as a plain few-shot prompt, which a small pretrained model answers often but not always.

Four solved sums, no chat template, no special tokens, nothing after the last "=". SmolLM2-135M-Instruct earns .56-.73 at
temperature 1, so reinforcement learning has variance inside a group; asked in its chat template with a strict verifier it
earns 0.0 and nothing can be learned.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import ClassVar

from harness.tasks.base import Problem, Task

SHOTS = ((2, 3), (7, 1), (4, 9), (6, 5))
PREAMBLE = "".join(f"{a} + {b} = {a + b}\n" for a, b in SHOTS)


@dataclasses.dataclass(frozen=True)
class FewshotAddition(Task):
    """Operands 0..9, 39 tokens a prompt for SmolLM2. A completion is right if a number stands first and it is the sum.

    Sums that the prompt itself gives away, in either order, are left out.

    A third digit is never seen: " 8\\n" and " 15" are three tokens each, and three are sampled.
    """

    name: ClassVar[str] = "fewshot_addition"
    end: ClassVar[str] = "\n"
    pattern: ClassVar[str] = r"\s*(\d+)(?!\d)"
    held_out: ClassVar[int] = 2  # so few problems: half of them, or a test score would be too coarse
    bos: ClassVar[bool] = False

    @property
    def max_new_tokens(self) -> int:
        """Three for any tokenizer that splits numbers into digits."""
        return 3

    def space(self) -> Iterator[Problem]:
        """92 problems."""
        for a, b in itertools.product(range(10), repeat=2):
            if (a, b) not in SHOTS and (b, a) not in SHOTS:
                yield Problem(f"{PREAMBLE}{a} + {b} =", str(a + b), f"{min(a, b)}+{max(a, b)}")

    def demonstration(self, problem: Problem) -> str:
        """A space, the sum and a line end: the prompt's own format."""
        return f" {problem.answer}{self.end}"
