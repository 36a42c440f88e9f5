"""The Stiefel manifold St(m, q): matrices with orthonormal columns, X^T X = I.

    tangent space at X    Z with X^T Z skew;   dimension m q - q (q + 1) / 2
    projection onto it    Z - X sym(X^T Z),    sym(A) = (A + A^T) / 2

The projection turns a Euclidean gradient into the Riemannian one of the embedded metric, and carries a tangent vector of the
last point to the next one (projection transport).
Source: Absil, Mahony & Sepulchre 2008, Sec. 3.6 and 8.1.3; ISO 2607.19331, Prop. 4.1.
"""

from math import sqrt

import torch
from torch import Tensor


def symmetric(a: Tensor) -> Tensor:
    """sym(A) of a square matrix."""
    return (a + a.T).mul_(0.5)


def tangent(frame: Tensor, x: Tensor) -> Tensor:
    """The tangent part of x (m, q) at a frame (m, q); two products of 2 m q^2."""
    return torch.addmm(x, frame, symmetric(frame.T @ x), alpha=-1.0)


def defect(frame: Tensor) -> Tensor:
    """X^T X - I (q, q), in the frame's dtype."""
    found = frame.T @ frame
    found.diagonal().sub_(1.0)
    return found


def deviation(frame: Tensor) -> float:
    """|X^T X - I|_F / sqrt(q): root mean square of s^2 - 1 over the singular values s of X; computed in fp64."""
    return torch.linalg.matrix_norm(defect(frame.double())).item() / sqrt(frame.shape[1])
