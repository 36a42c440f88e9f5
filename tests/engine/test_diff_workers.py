"""Processes that measure: what they raise, and that a killed one is a sentence."""

import signal

import pytest
from harness.engine.diff_workers import measured
from harness.errors import StoreError


def test_a_killed_process_is_one_sentence():
    """The task is the signal: each process raises it on itself."""
    with pytest.raises(StoreError, match="the system killed a process of this diff, most often for its memory.*--processes 1"):
        list(measured(signal.raise_signal, [signal.SIGKILL], processes=2))


def test_what_a_process_raises_reaches_the_caller():
    with pytest.raises(TypeError):
        list(measured(len, [signal.SIGKILL], processes=2))
