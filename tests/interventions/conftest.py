"""Seeded generators and a tiny model."""

import pytest
import torch


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(30)


@pytest.fixture
def model():
    """A random tiny model: 4 query heads of 16 on 2 key-value heads."""
    from harness.models import tiny

    return tiny.build(seed=3).model
