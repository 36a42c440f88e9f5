import torch

from harness.spectra import ContentCache, content_key


def size(value: list) -> int:
    return len(value)


def test_equal_content_is_found_and_changed_content_is_not():
    cache, calls = ContentCache(), []

    def compute() -> list:
        calls.append(1)
        return [0]

    w = torch.arange(6.0).reshape(2, 3)
    first = cache.get(w, "frame", compute, size)
    assert cache.get(w.clone(), "frame", compute, size) is first
    assert cache.get(w, "mask", compute, size) is not first
    w[0, 0] = 7.0
    cache.get(w, "frame", compute, size)
    assert len(calls) == 3


def test_shape_dtype_and_layout_are_told_apart_by_content():
    w = torch.arange(6.0).reshape(2, 3)
    assert content_key(w) != content_key(w.reshape(3, 2))
    assert content_key(torch.zeros(2, 2)) != content_key(torch.zeros(2, 2, dtype=torch.int32))
    assert content_key(w.T) == content_key(w.T.contiguous())
    assert content_key(w.bfloat16()) == content_key(w.bfloat16().clone())


def test_the_least_recently_used_result_goes_first():
    cache = ContentCache(limit_bytes=2)
    a, b, c = (torch.tensor([x]) for x in (1.0, 2.0, 3.0))
    kept = cache.get(a, "x", lambda: [1], size)
    dropped = cache.get(b, "x", lambda: [2], size)
    cache.get(a, "x", lambda: [1], size)
    cache.get(c, "x", lambda: [3], size)
    assert len(cache) == 2
    assert cache.get(a, "x", lambda: [1], size) is kept
    assert cache.get(b, "x", lambda: [2], size) is not dropped


def test_a_result_over_the_limit_is_still_given():
    cache = ContentCache(limit_bytes=1)
    assert cache.get(torch.ones(1), "x", lambda: [1, 2, 3], size) == [1, 2, 3]
