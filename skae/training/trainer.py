"""How a net is trained: schedule, early stopping, progress, and what came of it."""

import inspect
from contextlib import nullcontext

import skorch
import torch
from skorch.callbacks import EpochTimer, LRScheduler
from skorch.helper import predefined_split

from skae.data.rows import Batches
from skae.training.budget import Schedule
from skae.training.interrupts import Enough, is_from_outside, pressed_again
from skae.training.net import DIVERGED
from skae.training.seeds import (
    OwnDraws,
    draws_globally,
    global_draws,
    make_generator,
)

_MOST_EPOCHS = 1000  # of a stream that are remembered


class Trainer:
    """Trains a net on rows, and keeps its best weights.

    Parameters
    ----------
    net : Net
        Initialized.
    batch_size : int
    callbacks : list of skorch callbacks
        Of the objective, beside those of the user, which the net has.
    """

    def __init__(self, net, *, batch_size, callbacks=()):
        self.net = net
        self.callbacks = [EpochTimer(), *callbacks]
        self.best = None
        self.interrupted = False
        net.batch_size = batch_size

    def train(self, rows, valid=None, *, epochs, stopping=None, schedule=None):
        """Train for `epochs` passes over `rows`.

        Parameters
        ----------
        rows, valid : Rows, or None
        epochs : int
        stopping : EarlyStopping or None
            Watches the validation rows.
        schedule : str, callable or None
            Factor of the learning rate, see :class:`Schedule`, unless the user's
            callbacks set the rate. None is a pass of a stream, at a constant rate.

        Raises
        ------
        ValueError
            If the loss or the weights become infinite or NaN.
        """
        net, own = self.net, self.net.callbacks_
        self.best = stopping
        watching = self.callbacks if stopping is None else [*self.callbacks, stopping]
        watching = [(type(one).__name__, one.initialize()) for one in watching]
        net.callbacks_ = [*watching, *own]
        has_schedule = any(isinstance(callback, LRScheduler) for _, callback in own)
        net.schedule = None
        net.train_split = None if valid is None else predefined_split(valid)
        net.max_epochs = epochs
        net.enough = False
        net.watched = _listens(net.callbacks_, "on_batch_begin", "on_batch_end")
        net.takes_whole_steps = _needs_whole_steps(net)
        if schedule is not None and epochs and not has_schedule:
            n_steps = epochs * len(net.get_iterator(rows))
            net.schedule = Schedule(net.lr, n_steps, schedule)
        elif schedule is None:  # a schedule before may have left it near zero
            net.set_rate(net.lr)
            del net.history[: -_MOST_EPOCHS + 1]
        if net.flat is not None:
            net.flat.link()
        remembering = _remembering(net, epochs)
        for part in remembering:
            rows.numbered()
            part.remember(len(rows))
        try:
            with self._draws():
                net.notify("on_train_begin", X=rows, y=None)
                try:
                    net.fit_loop(rows)
                except Enough:
                    pass
                except KeyboardInterrupt as error:
                    is_pressed = is_from_outside(error)
                    if is_pressed and pressed_again():
                        raise
                    # skorch's callbacks stop training by raising one.
                    self.interrupted = is_pressed or not net.notifying
                net.notify("on_train_end", X=rows, y=None)
        finally:
            net.callbacks_ = own
            net.train_split = None
            for part in remembering:
                part.forget()
            net.ready()
        for name, parameter in net.get_all_learnable_params():
            if not torch.isfinite(parameter).all():
                raise ValueError(DIVERGED.format(f"the weights {name!r}", net.lr))

    @property
    def best_epoch(self):
        """The epoch whose weights were kept, 0 for the start."""
        if self.best is None:
            return len(self.history())
        return self.best.kept_epoch

    def history(self):
        """Return the finished epochs as dicts, their losses in units of the net."""
        return [
            {key: value for key, value in row.items() if key != "batches"}
            for row in self.net.history
            if "dur" in row
        ]

    def _draws(self):
        """Seed what would draw from torch's global generators, if anything does."""
        if not (self.net.draws or draws_globally(self.net.module_)):
            return nullcontext()
        seed = int(torch.randint(2**31, (), generator=self.net.order_generator))
        if torch.device(self.net.device).type == "cpu":
            return OwnDraws(make_generator(seed))
        return global_draws(seed, self.net.device)


def _remembering(net, epochs):
    """Return the parts of a net that keep rows of an epoch for later ones."""
    if net.iterator_train is not Batches:  # of which each row comes once in an epoch
        return []
    parts = [part for part in net.module_.modules() if hasattr(part, "remember")]
    return [part for part in parts if (part.n_patterns or epochs) < epochs]


def _needs_whole_steps(net):
    """Tell whether steps are skorch's: for callbacks on gradients, and closures."""
    closure = inspect.signature(net.optimizer_.step).parameters.get("closure")
    needs_closure = closure is not None and closure.default is inspect.Parameter.empty
    return needs_closure or _listens(net.callbacks_, "on_grad_computed")


def _listens(callbacks, *events):
    """Tell whether a callback overrides one of the events."""
    return any(
        getattr(type(callback), event) is not getattr(skorch.callbacks.Callback, event)
        for _, callback in callbacks
        for event in events
    )
