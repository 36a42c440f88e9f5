"""The command `harness merge`: its options, how far it is, what it says.

Exit codes: 0 written; 2 bad input, or a disk that is full: nothing is written; 130 stopped by Ctrl-C: nothing is written
either.
"""

import argparse
import re
import sys

from harness.cli_diff import Progress
from harness.errors import ModelError, SpecError

OK, STOPPED = 0, 130
METHODS = """\
Methods: mean, task-arithmetic, ties, dare, slerp, karcher, model-stock, fisher, regmean, knots, tsv-m, iso-c, iso-cts, ram,
ram-plus, ota, orthomerge, iso, iso-scaled, iso-subspace. `harness merge --method NAME --help-method` tells the formula and options of one."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments and options, without --results, which this command does not use."""
    parser.epilog = METHODS
    add = parser.add_argument
    add("--method", required=True, metavar="NAME", help="how tensors are merged")
    add("--help-method", action="store_true", help="tell what the method does and its options, and do nothing")
    add("--base", metavar="DIR", help="model folder that the experts were tuned from")
    add("--expert", action="append", default=[], metavar="DIR", help="model folder; again for each further one")
    add("--out", metavar="DIR", help="folder to be made; it appears when it is whole")
    add("--option", action="append", default=[], metavar="NAME=VALUE", help="of the method; again for each further one")
    add("--lambda", dest="lam", metavar="X", help="the factor that many methods have: short for --option lam=X")
    about = "tensors by parameter name (second moments, Fisher diagonals, Gram matrices): a file for each expert, in order"
    add("--extra", action="append", default=[], metavar="FILE", help=about)
    add("--where", metavar="REGEX", help="only parameters in whose name it is found are merged so; the others are averaged")
    add("--seed", type=int, default=0, metavar="N", help="of random draws (default 0)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="where tensors are merged (default cpu)")


def run(options: argparse.Namespace) -> int:
    """Merge, write, say so."""
    from harness import threads

    threads.configure()
    given = _named(options)
    if options.help_method:
        print(_told(options.method))
        return OK
    for name in ("base", "out"):
        if getattr(options, name) is None:
            raise ModelError(f"--{name} is missing: harness merge --method NAME --base DIR --expert DIR --out DIR.")
    if options.seed < 0:
        raise ModelError(f"--seed {options.seed}: give a whole number from 0.")
    _check_where(options.where)
    _check_device(options.device)
    from harness.engine.merge_folders import Asked, merge_folders

    asked = Asked(options.method, options.base, tuple(options.expert), options.out, given, tuple(options.extra), options.where,
                  options.seed, options.device)  # fmt: skip
    tell = Progress(sys.stderr) if sys.stderr.isatty() else None
    try:
        done = merge_folders(asked, tell)
    except KeyboardInterrupt:
        print("harness: stopped; nothing was written", file=sys.stderr)
        return STOPPED
    finally:
        if tell:
            tell.end()
    for note in done.notes:
        print(f"harness: {note}", file=sys.stderr)
    pace = done.bytes_read / 1e9 / max(done.seconds, 1e-9)
    print(f"written: {done.out}  ({options.method}, {done.tensors} tensors, {done.bytes_written / 1e9:.2f} GB, "
          f"{done.seconds:.1f} s, {pace:.2f} GB/s read)")  # fmt: skip
    return OK


def _named(options: argparse.Namespace) -> dict[str, str]:
    """--option and --lambda as names and texts."""
    pairs = list(options.option) + ([f"lam={options.lam}"] if options.lam is not None else [])
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = "lam" if name.strip() == "lambda" else name.strip().replace("-", "_")
        if not (equals and name and value):
            raise SpecError(f"--option {pair}: write it as NAME=VALUE, such as density=.2.")
        if name in found:
            raise SpecError(f"the option {name} is given twice.")
        found[name] = value.strip()
    return found


def _told(method: str) -> str:
    from harness.merging.options import OPTIONS
    from harness.merging.registry import RULES
    from harness.merging.rule import find

    rule = find(RULES, method)
    lines = [f"{rule.name}: {rule.says}  ({rule.source})"]
    if rule.extras:
        lines.append(f"  needs --extra: {rule.extras}, a file for each expert")
    lines += [f"  {name} = {default}   {OPTIONS[name].says}" for name, default in rule.options.items()]
    return "\n".join(lines)


def _check_where(where: str | None) -> None:
    try:
        re.compile(where or "")
    except re.error as error:
        raise ModelError(f"--where {where!r} is no regular expression ({error}).") from error


def _check_device(device: str) -> None:
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ModelError("--device cuda: torch sees no GPU here; leave it out.")
