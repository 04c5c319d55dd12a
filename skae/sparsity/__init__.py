"""Sparsities: what keeps most units of a code silent, and how that is counted."""

from skae.sparsity.base import Selector, Sparsity
from skae.sparsity.penalties import L1, KLSparsity
from skae.sparsity.selections import BatchTopK, TopK

__all__ = ["L1", "BatchTopK", "KLSparsity", "Selector", "Sparsity", "TopK"]
