"""The parameters that every estimator has, and what they may be."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
import torch

from skae._sklearn import BaseEstimator, Interval, RealNotInt, StrOptions
from skae.activations import ACTIVATION_CHOICES
from skae.architectures import Architecture
from skae.columns import Columns
from skae.corruption import Corruption
from skae.losses import LOSSES, Loss
from skae.training.budget import SCHEDULES
from skae.training.optimizers import OPTIMIZERS


@dataclass(eq=False, repr=False, kw_only=True)
class Width(BaseEstimator):
    """The width of the code."""

    n_components: int | float | str | tuple = field(default="auto", kw_only=False)

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
            tuple,
        ],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class OneArchitecture(Width):
    """The network on both sides of the code."""

    architecture: Architecture | None = None

    _parameter_constraints = {"architecture": [Architecture, None]}


@dataclass(eq=False, repr=False, kw_only=True)
class Parameters(Width):
    """Loss, training, device: documented in each estimator."""

    corruption: Corruption | None = None
    columns: Columns | None = None
    loss: Loss | str | None = None
    code_activation: str | type | None = None
    max_epochs: int | str = "auto"
    batch_size: int | str = "auto"
    optimizer: str | type = "adam"
    learning_rate: float = 1e-3
    schedule: str | Callable = "cosine"
    weight_decay: float = 0.0
    l1_penalty: float = 0.0
    early_stopping: bool | str = "auto"
    validation_fraction: float = 0.1
    patience: int = 20
    device: str | torch.device = "auto"
    callbacks: list | tuple | None = None
    random_state: int | np.random.RandomState | None = None
    verbose: int = 0
    warm_start: bool = False
    net_params: dict | None = None

    _parameter_constraints = {
        **Width._parameter_constraints,
        "corruption": [Corruption, None],
        "columns": [Columns, None],
        "loss": [Loss, StrOptions(set(LOSSES)), None],
        "code_activation": [*ACTIVATION_CHOICES, None],
        "max_epochs": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "schedule": [StrOptions(set(SCHEDULES)), callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "net_params": [dict, None],
    }

    def __copy__(self):
        """Return a copy that shares parameters alone: what was learned is its own."""
        parameters = self.get_params(deep=False)
        learned = {k: v for k, v in vars(self).items() if k not in parameters}
        other = type(self)(**parameters)
        vars(other).update(copy.deepcopy(learned))
        return other
