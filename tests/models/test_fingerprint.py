import os

import pytest

from harness.errors import ModelError
from harness.models.fingerprint import fingerprint


def test_it_stays_while_the_files_do_and_follows_every_change(checkpoint):
    folder = checkpoint("base")
    first = fingerprint(folder)
    assert fingerprint(folder) == first and len(first) == 16
    os.utime(os.path.join(folder, "model.safetensors"), (1, 1))
    second = fingerprint(folder)
    with open(os.path.join(folder, "config.json"), "a") as file:
        file.write(" ")
    assert len({first, second, fingerprint(folder)}) == 3


def test_a_lone_file_has_one_and_nothing_has_none(checkpoint):
    folder = checkpoint("base")
    assert fingerprint(os.path.join(folder, "model.safetensors")) != fingerprint(folder)
    with pytest.raises(ModelError, match=r"nowhere cannot be read \(No such file or directory\)"):
        fingerprint("nowhere")
