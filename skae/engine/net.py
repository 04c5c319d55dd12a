"""skorch, configured once: whole-tensor batches and an epoch that never waits."""

import copy
import inspect
from contextlib import contextmanager, nullcontext

import numpy as np
import skorch
import torch
import torch._dynamo
from skorch.helper import predefined_split

from skae.corruption import Corrupt
from skae.engine.batches import Batches
from skae.engine.devices import present_devices
from skae.engine.forward import Criterion
from skae.engine.seats import optimizer_arguments
from skae.engine.seeds import (
    bind_generator,
    draws_globally,
    global_draws,
    make_generator,
)
from skae.engine.state import to_arrays, to_tensors

_DIVERGED = (
    "Training diverged: {} became NaN or infinite at learning_rate={}. Try a smaller "
    "learning_rate, scale the columns of X (StandardScaler), or another loss or "
    "optimizer."
)
_VALIDATION_STREAM = 2**32  # added to the seed: the noise of validation rows


class Net(skorch.NeuralNet):
    """skorch's net over an autoencoder module and :class:`Criterion`.

    It differs from skorch's own in what an epoch costs: losses stay on the device until
    the epoch ends, callbacks are called per batch only if one of them listens, and the
    modules' mode is set once. Everything random comes from `seed`. A pickled net is its
    recipe and NumPy arrays, and is rebuilt from them.

    Parameters
    ----------
    module : type
        Class of the module; its parameters as ``module__...``.
    seed : int
    loss : Loss
    weight_decay : float
        Handed to the optimizer for weights, not for biases.
    **kwargs
        skorch's own parameters.
    """

    def __init__(self, module, *, seed, loss, weight_decay=0.0, device="cpu", **kwargs):
        self.recipe = {
            "module": module,
            "seed": seed,
            "loss": loss,
            "weight_decay": weight_decay,
            "device": device,
            **kwargs,
        }
        self.seed = seed
        self.weight_decay = weight_decay
        self.schedule = None
        self.interrupted = False
        self.enough = False
        self.valid_rows = None
        self._watched = True
        self.n_steps = 0
        self._twins = {}
        seats = {
            "criterion": Criterion,
            "criterion__loss": loss,
            "iterator_train": Batches,
            "iterator_valid": Batches,
            "train_split": None,
            "verbose": 1,  # for callbacks that print; skae's own are silent
            "predict_nonlinearity": loss.activation(),
        }
        super().__init__(module, device=device, **{**seats, **kwargs})

    @property
    def _default_callbacks(self):
        return []

    # -- building

    def initialize_callbacks(self):
        """Initialize copies of the callbacks, so that the user's stay as they are."""
        given, self.callbacks = self.callbacks, copy.deepcopy(self.callbacks)
        try:
            return super().initialize_callbacks()
        finally:
            self.callbacks = given

    def initialize_module(self):
        """Build the module from this net's own seed."""
        with global_draws(self.seed):
            super().initialize_module()
        self.module_.float()  # whatever torch's default dtype is
        self.order_generator = make_generator(self.seed)
        self.module_generator = self.order_generator
        if torch.device(self.device).type != "cpu":
            self.module_generator = make_generator(self.seed, self.device)
        bind_generator(self.module_, self.module_generator)
        return self

    def initialize_criterion(self):
        """Build the criterion; it draws from the same generator as the module."""
        super().initialize_criterion()
        bind_generator(self.criterion_, self.module_generator)
        return self

    def get_params_for_optimizer(self, prefix, named_parameters):
        """Use the fused kernels where there are any, and decay weights only."""
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        return optimizer_arguments(self.optimizer, self.weight_decay, args, kwargs)

    def get_iterator(self, dataset, training=False):
        """Hand the generator of the order to the training batches."""
        iterator = super().get_iterator(dataset, training=training)
        if training and isinstance(iterator, Batches):
            iterator.generator = self.order_generator
            # Callbacks may keep the batches that they are shown.
            iterator.one_block = not self._watched
        return iterator

    # -- training

    def train_on(self, rows, valid=None, *, epochs, schedule=None, watchers=()):
        """Train for `epochs` passes over `rows`.

        Parameters
        ----------
        rows, valid : Rows
        epochs : int
        schedule : callable or None
            From the share of steps done, in [0, 1), to a factor of the learning rate.
        watchers : iterable of skorch callbacks
            For this call only, before the net's own.
        """
        own = self.callbacks_
        self.callbacks_ = [
            *((type(w).__name__, w.initialize()) for w in watchers),
            *own,
        ]
        self.enough = False
        self.train_split = None if valid is None else predefined_split(valid)
        self.max_epochs = epochs
        self.schedule = schedule
        self.n_steps = 0
        self._watched = _listens(self.callbacks_, "on_batch_begin", "on_batch_end")
        self.n_steps_planned = epochs * len(self.get_iterator(rows))
        self._whole_step = _listens(self.callbacks_, "on_grad_computed") or (
            inspect.signature(self.optimizer_.step).parameters["closure"].default
            is inspect.Parameter.empty
        )
        draws = nullcontext()
        if draws_globally(self.module_):
            seed = torch.randint(2**31, (), generator=self.order_generator)
            draws = global_draws(int(seed), self.device)
        try:
            with draws:
                self.partial_fit(rows)
        finally:
            self.callbacks_ = own
            self.train_split = None
            self.settle()
        for name, parameter in self.get_all_learnable_params():
            if not torch.isfinite(parameter).all():
                raise ValueError(_DIVERGED.format(f"the weights {name!r}", self.lr))
        return self

    def settle(self):
        """Make the module ready for inference, after its weights changed."""
        self._twins = {}
        self._set_training(False)

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Run skorch's loop and remember whether the user, not a callback, ended it."""
        self.interrupted = False
        try:
            return super().fit_loop(X, y, epochs, **fit_params)
        except KeyboardInterrupt:
            self.interrupted = not self._notifying
            raise

    def notify(self, method_name, **cb_kwargs):
        """Call the callbacks; they stop training by a KeyboardInterrupt."""
        self._notifying = True
        super().notify(method_name, **cb_kwargs)
        if self.enough and method_name == "on_epoch_end":
            raise KeyboardInterrupt  # skorch's way to stop
        self._notifying = False

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run an epoch that waits for the device once, at its end."""
        if iterator is None:
            return
        with nullcontext() if training else self._same_noise():
            self._run_epoch(iterator, training, prefix, step_fn, **fit_params)

    @contextmanager
    def _same_noise(self):
        """Corrupt validation rows, in every epoch alike; the rest is as in inference.

        What is validated is what is minimised: on clean rows, a network that copies
        would win over one that denoises.
        """
        generator = make_generator(self.seed + _VALIDATION_STREAM, self.device)
        for part in (self.module_, self.criterion_):
            bind_generator(part, generator)
        self._set_mode(training=False)
        try:
            yield
        finally:
            for part in (self.module_, self.criterion_):
                bind_generator(part, self.module_generator)
            self._set_training(False)

    def _run_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        self._set_mode(training)
        # Losses are kept in one place on the device: many small tensors would split
        # the memory that batches free, and the process would grow.
        n_batches, n_rows = 0, 0
        total, terms = torch.zeros((), device=self.device), {}
        if not training:
            rows = torch.empty(len(iterator.dataset), device=self.device)
        for batch in iterator:
            if self._watched:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(self.criterion_.prepare(batch), **fit_params)
            size = len(batch[0])
            for name, value in self.criterion_.terms.items():
                terms.setdefault(name, torch.zeros_like(value)).add_(value)
            if training:
                total.add_(step["loss"].detach(), alpha=size)
            else:
                rows[n_rows : n_rows + size] = step["rows"]
            n_rows += size
            n_batches += 1
            if self._watched:
                self.history.record_batch(f"{prefix}_loss", step["loss"].item())
                self.history.record_batch(f"{prefix}_batch_size", size)
                self.notify("on_batch_end", batch=batch, training=training, **step)
                self._set_mode(training)
        if training:
            mean = float(total) / n_rows
        else:
            self.valid_rows = rows.cpu().double().numpy()
            mean = float(self.valid_rows.mean())
        if not np.isfinite(mean):
            raise ValueError(_DIVERGED.format(f"the {prefix} loss", self.lr))
        if not self._watched:  # callbacks may read the last batch of an epoch
            self.history.new_batch()
            self.history.record_batch(f"{prefix}_loss", mean)
            self.history.record_batch(f"{prefix}_batch_size", n_rows)
        lowest = min(row.get(f"{prefix}_loss", np.inf) for row in self.history)
        self.history.record(f"{prefix}_loss", mean)
        self.history.record(f"{prefix}_batch_count", n_batches)
        self.history.record(f"{prefix}_loss_best", mean < lowest)
        for name, value in terms.items():
            self.history.record(f"{prefix}_{name}", float(value) / n_rows)
        if training:
            self.history.record("lr", self.optimizer_.param_groups[0]["lr"])

    def _set_mode(self, training):
        """Set the modules' mode; corruptions act on validation rows as well."""
        self._set_training(training)
        for part in self.module_.modules():
            if isinstance(part, Corrupt):
                part.train()

    def train_step(self, batch, **fit_params):
        """Take one step of the optimizer; skorch's own where a closure is needed."""
        if self.schedule is not None:
            lr = self.lr * self.schedule(self.n_steps / self.n_steps_planned)
            for group in self.optimizer_.param_groups:
                group["lr"] = lr
        self.n_steps += 1
        if self._whole_step:
            step = super().train_step(batch, **fit_params)
            return {**step, "y_pred": step["y_pred"].output}
        x, target = batch
        self.optimizer_.zero_grad()
        result = self.module_(x)
        loss = self.criterion_(result, target)
        loss.backward()
        self.optimizer_.step()
        return {"loss": loss, "y_pred": result.output}

    def validation_step(self, batch, **fit_params):
        """Return what is minimised, of the batch and of each of its rows."""
        x, target = batch
        with torch.no_grad():
            result = self.module_(x)
            rows = self.criterion_.per_row(result, target)
        return {"loss": rows.mean(), "y_pred": result.output, "rows": rows}

    def evaluation_step(self, batch, training=False):
        """Return the decoder's output alone: what skorch's `predict` goes on with."""
        return super().evaluation_step(batch, training=training).output

    def row_losses(self, rows):
        """Return what is minimised of each of the rows, an array of float64."""
        losses = torch.empty(len(rows), device=self.device)
        start = 0
        with self._same_noise():
            for batch in self.get_iterator(rows, training=False):
                stop = start + len(batch[0])
                batch = self.criterion_.prepare(batch)
                losses[start:stop] = self.validation_step(batch)["rows"]
                start = stop
        return losses.cpu().double().numpy()

    # -- inference and state

    def module_for(self, dtype):
        """Return the module whose weights have `dtype`, in evaluation mode.

        The float64 twin is made once per set of weights. It lives on the CPU where the
        device has no float64.
        """
        if dtype == np.float32:
            return self.module_
        if dtype not in self._twins:
            twin = copy.deepcopy(self.module_)
            if torch.device(self.device).type == "mps":
                twin = twin.cpu()
            self._twins[dtype] = twin.double().eval()
        return self._twins[dtype]

    def snapshot(self):
        """Return everything that training changes, as copies."""
        return {
            "module": to_arrays(self.module_.state_dict()),
            "criterion": to_arrays(self.criterion_.state_dict()),
            "optimizer": to_arrays(self.optimizer_.state_dict()),
            "order_generator": self.order_generator.get_state().numpy().copy(),
            "module_generator": self.module_generator.get_state().numpy().copy(),
            "history": [dict(row) for row in self.history],
        }

    def weights(self):
        """Return a copy of what the optimizer changes, for :meth:`load_weights`."""
        return copy.deepcopy((self.module_.state_dict(), self.criterion_.state_dict()))

    def load_weights(self, weights):
        """Set the weights to those of :meth:`weights`, of this or another net."""
        self.module_.load_state_dict(weights[0])
        self.criterion_.load_state_dict(weights[1])

    def restore(self, snapshot):
        """Put a snapshot back."""
        self.load_weights(
            (to_tensors(snapshot["module"]), to_tensors(snapshot["criterion"]))
        )
        self.optimizer_.load_state_dict(to_tensors(snapshot["optimizer"]))
        self.order_generator.set_state(torch.tensor(snapshot["order_generator"]))
        if self.module_generator is not self.order_generator:
            self.module_generator.set_state(torch.tensor(snapshot["module_generator"]))
        self.history_ = skorch.history.History(snapshot["history"])
        self.settle()

    def __getstate__(self):
        return {"recipe": self.recipe, "snapshot": self.snapshot()}

    def __setstate__(self, state):
        recipe = dict(state["recipe"])
        if torch.device(recipe["device"]).type not in present_devices():
            recipe["device"] = "cpu"
        self.__init__(**recipe)
        self.initialize()
        self.restore(state["snapshot"])


def _listens(callbacks, *events):
    """Tell whether a callback overrides one of the events."""
    return any(
        getattr(type(callback), event) is not getattr(skorch.callbacks.Callback, event)
        for _, callback in callbacks
        for event in events
    )
