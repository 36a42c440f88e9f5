"""Thread counts and offline switches are in place before torch is imported."""

import os
import subprocess
import sys

from pytest import mark

CODE = """
import harness.threads, os, sys
harness.threads.configure(hub={hub})
assert "torch" not in sys.modules
import torch
print(torch.get_num_threads(), os.environ["OMP_WAIT_POLICY"], os.environ["HF_HUB_OFFLINE"])
"""


def run(hub: bool, **extra: str) -> list[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("OMP", "HF_", "HARNESS", "MKL", "TRANSFORMERS"))}
    code = CODE.format(hub=hub)
    done = subprocess.run([sys.executable, "-c", code], env=plain | extra, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def test_one_thread_that_sleeps_when_idle_and_no_hub():
    assert run(hub=False) == ["1", "passive", "1"]


def test_the_user_may_ask_for_more_threads_and_for_the_hub():
    assert run(hub=True, HARNESS_THREADS="2") == ["2", "passive", "0"]


@mark.parametrize("policy", ["active", "passive"])
def test_a_wait_policy_that_is_set_is_kept(policy):
    assert run(hub=False, OMP_WAIT_POLICY=policy)[1] == policy
