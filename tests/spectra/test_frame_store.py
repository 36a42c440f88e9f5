import multiprocessing
import os
import resource
import time
from contextlib import contextmanager

import pytest
import torch

from harness.spectra import Frame, FrameStore, PartialFrame, leading_subspaces
from harness.spectra.frame import decompose

LIMIT = 10**7


class Counted:
    """decompose, counting its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def of(self, matrix: torch.Tensor):
        def compute() -> Frame:
            self.calls += 1
            return decompose(matrix)

        return compute


@pytest.fixture
def counted() -> Counted:
    return Counted()


@contextmanager
def no_file_larger_than(size: int):
    """What a write meets on a full disk, without filling one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def the_file(folder):
    (path,) = folder.glob("*.safetensors")
    return path


def same(a: tuple, b: tuple) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_frame_is_computed_once_per_content(tmp_path, weights, counted):
    """Truth: bit for bit what was computed, in another store object, for another copy of the matrix."""
    w = weights(20, 12)
    first = FrameStore(tmp_path / "frames", LIMIT).get(w, counted.of(w))
    again = FrameStore(tmp_path / "frames", LIMIT).get(w.clone(), counted.of(w))
    assert counted.calls == 1
    assert same(first, again) and same(first, decompose(w))
    assert isinstance(again, Frame) and again.U.dtype == torch.float64
    w[0, 0] += 1
    FrameStore(tmp_path / "frames", LIMIT).get(w, counted.of(w))
    FrameStore(tmp_path / "frames", LIMIT).get(w.bfloat16(), counted.of(w))
    assert counted.calls == 3


def test_other_results_of_a_matrix_have_other_names(tmp_path, weights, counted):
    w, store = weights(20, 12), FrameStore(tmp_path, LIMIT)
    store.get(w, counted.of(w))
    for _ in range(2):
        top = store.get(w, lambda: leading_subspaces(w, 3), what="top3-seed0", kind=PartialFrame)
        assert isinstance(top, PartialFrame) and same(top, leading_subspaces(w, 3))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["truncated", "empty", "header", "one bit", "foreign"])
def test_a_damaged_file_is_computed_anew(damage, tmp_path, weights, counted):
    w, store = weights(20, 12), FrameStore(tmp_path, LIMIT)
    store.get(w, counted.of(w))
    path = the_file(tmp_path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    damaged = {
        "truncated": whole[:-9],
        "empty": b"",
        "header": b"\xff" * 8 + whole[8:],
        "one bit": bytes(flipped),
        "foreign": b"x" * 99,
    }
    path.write_bytes(damaged[damage])
    again = store.get(w, counted.of(w))
    assert counted.calls == 2
    assert same(again, decompose(w))
    assert same(store.get(w, counted.of(w)), again)
    assert counted.calls == 2
    assert store.trouble is None


def test_on_a_full_disk_the_frame_is_used_and_one_sentence_is_left(tmp_path, weights, counted):
    store = FrameStore(tmp_path / "frames", LIMIT)
    matrices = [weights(20, 12), weights(20, 12)]
    with no_file_larger_than(1000):
        frames = [store.get(w, counted.of(w)) for w in matrices]
    assert all(same(frame, decompose(w)) for frame, w in zip(frames, matrices, strict=True))
    assert store.trouble == (
        f"The frame is used but not stored: {tmp_path / 'frames'} takes no more (File too large (os error 27)); "
        "free space or name another folder to keep frames."
    )
    assert list((tmp_path / "frames").iterdir()) == []
    store.get(matrices[0], counted.of(matrices[0]))
    store.get(matrices[0], counted.of(matrices[0]))
    assert counted.calls == 3


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(tmp_path, weights, counted):
    (tmp_path / "file").write_text("in the way")
    store, w = FrameStore(tmp_path / "file", LIMIT), weights(8, 8)
    assert same(store.get(w, counted.of(w)), decompose(w))
    assert "takes no more" in store.trouble


def test_over_the_limit_the_oldest_go(tmp_path, weights, counted):
    """A frame of 8 x 8 holds 1088 bytes, its file somewhat more: three fit under 5000, and reading makes young."""
    store = FrameStore(tmp_path, 5000)
    a, b, c, d = (weights(8, 8) for _ in range(4))
    for age, w in enumerate((a, b, c)):
        before = set(tmp_path.iterdir())
        store.get(w, counted.of(w))
        (new,) = set(tmp_path.iterdir()) - before
        os.utime(new, (time.time() - 100 + age,) * 2)
    store.get(a, counted.of(a))
    store.get(d, counted.of(d))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5000
    assert counted.calls == 4
    store.get(a, counted.of(a))
    store.get(d, counted.of(d))
    assert counted.calls == 4
    store.get(b, counted.of(b))
    assert counted.calls == 5


def test_a_frame_over_the_limit_is_not_stored(tmp_path, weights, counted):
    store, w = FrameStore(tmp_path, 1000), weights(8, 8)
    assert same(store.get(w, counted.of(w)), decompose(w))
    assert "a frame of 1,088 bytes is over the limit of 1,000" in store.trouble
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path, weights, counted):
    old, young = tmp_path / "a-frame.safetensors.1-ab.tmp", tmp_path / "a-frame.safetensors.2-cd.tmp"
    for path in (old, young):
        path.write_bytes(b"half a frame")
    os.utime(old, (time.time() - 7200,) * 2)
    w = weights(8, 8)
    FrameStore(tmp_path, LIMIT).get(w, counted.of(w))
    assert not old.exists() and young.exists()


def fill(folder, ready, start, queue) -> None:
    """Read the same twelve matrices twice over through a store that holds eight."""
    store, tops = FrameStore(folder, 4 * 10**5), []
    ready.set()
    start.wait(60)
    for seed in [*range(12)] * 2:
        w = torch.randn(60, 40, generator=torch.Generator().manual_seed(seed))
        frame = store.get(w, lambda w=w: decompose(w))
        assert torch.allclose((frame.U * frame.S) @ frame.V.T, w.double(), atol=1e-12)
        tops.append(frame.S[0].item())
    assert store.trouble is None
    queue.put(tops)


def test_two_processes_may_fill_one_folder(tmp_path):
    """Every read is whole, whoever wrote or deleted in between."""
    context = multiprocessing.get_context("spawn")
    ready, start, queue = context.Event(), context.Event(), context.Queue()
    other = context.Process(target=fill, args=(tmp_path, ready, start, queue))
    other.start()
    assert ready.wait(60)
    start.set()
    fill(tmp_path, ready, start, queue)
    first, second = (queue.get(timeout=60) for _ in range(2))
    other.join()
    assert other.exitcode == 0
    assert first == second
    assert not list(tmp_path.glob("*.tmp"))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4.5 * 10**5
