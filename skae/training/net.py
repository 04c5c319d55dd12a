"""skorch, configured once: whole-tensor batches and an epoch that never waits."""

import copy
from contextlib import contextmanager, nullcontext

import numpy as np
import skorch
import torch

from skae.data.batch import Batch
from skae.data.rows import Batches, Rows
from skae.data.samples import Samples
from skae.data.scaling import Scaling
from skae.training.devices import present_devices
from skae.training.epoch import EpochLosses
from skae.training.extras import copied
from skae.training.interrupts import Enough
from skae.training.optimizers import flatten, optimizer_arguments
from skae.training.seeds import OwnDraws, bind_generator, make_generator
from skae.training.state import to_arrays, to_tensors

DIVERGED = (
    "Training diverged: {} became NaN or infinite at learning_rate={}. Try a smaller "
    "learning_rate, scale the columns of X (StandardScaler), or another loss or "
    "optimizer."
)
_VALIDATION_STREAM = 2**32  # added to the seed: the noise of validation rows


class Net(skorch.NeuralNet):
    """skorch's net over a module and a criterion that take a :class:`Batch`.

    Parameters
    ----------
    module : class of torch.nn.Module
        From a Batch to a result with `output`, the decoder's.
    criterion : class of torch.nn.Module
        From a result and a Batch to a scalar; see :class:`Criterion`.
    seed : int
        Of the weights, the order of the batches and whatever the module draws.
    loss : Loss
        The criterion's, for rows as the module sees them.
    weight_decay : float
        Decay of weights, not of biases.
    device : str
        One that is there.
    dtype : {"float32", "float64"}
        Of the weights.
    **kwargs
        Further parameters of `skorch.NeuralNet`.
    """

    def __init__(
        self,
        module,
        criterion,
        *,
        seed,
        loss,
        weight_decay=0.0,
        device="cpu",
        dtype="float32",
        **kwargs,
    ):
        self.recipe = {
            "module": module,
            "criterion": criterion,
            "seed": seed,
            "loss": loss,
            "weight_decay": weight_decay,
            "device": device,
            "dtype": dtype,
            **kwargs,
        }
        self.seed = seed
        self.weight_decay = weight_decay
        self.dtype = dtype
        self.schedule = None
        self.enough = False
        self.valid_rows = None
        self.watched = True
        self.takes_whole_steps = True
        self.draws = False  # from torch's global generator, by parts of one's own
        self._twins = {}
        defaults = {
            "criterion__loss": loss,
            "iterator_train": Batches,
            "iterator_valid": Batches,
            "train_split": None,
            "verbose": 1,  # for callbacks that print; skae's own are silent
            "predict_nonlinearity": loss.reconstruction,
        }
        super().__init__(module, criterion, device=device, **{**defaults, **kwargs})

    @property
    def _default_callbacks(self):
        return []

    # -- building

    def initialize_callbacks(self):
        """Initialize copies of the callbacks, which share what the user's hold."""
        given, self.callbacks = self.callbacks, copied(self.callbacks)
        try:
            return super().initialize_callbacks()
        except (AttributeError, TypeError) as error:
            raise type(error)(f"callbacks cannot be made: {error}") from error
        finally:
            self.callbacks = given

    def initialize_module(self):
        """Build the module from this net's own seed."""
        with OwnDraws(make_generator(self.seed)):
            try:
                super().initialize_module()
            except AttributeError as error:
                raise TypeError(
                    f"{self.module.__name__} cannot be made: {error}. Do its __init__ "
                    "and those of its parts call super().__init__() first?"
                ) from error
        # Whatever torch's default dtype is.
        self.module_.to(getattr(torch, self.dtype))
        self.order_generator = make_generator(self.seed)
        self.module_generator = self.order_generator
        if torch.device(self.device).type != "cpu":
            self.module_generator = make_generator(self.seed, self.device)
        bind_generator(self.module_, self.module_generator)
        return self

    def initialize_criterion(self):
        """Build the criterion; it draws from the same generator as the module."""
        super().initialize_criterion()
        self.criterion_.to(getattr(torch, self.dtype))
        bind_generator(self.criterion_, self.module_generator)
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Build the optimizer, over one vector of all weights where it may be."""
        self.flat = None
        try:
            return super().initialize_optimizer()
        except (TypeError, ValueError, AttributeError) as error:
            extras = {
                key: value
                for key, value in self.get_params().items()
                if key.startswith("optimizer__")
            }
            raise ValueError(
                f"optimizer={self.optimizer.__name__} cannot be made for this network, "
                f"with {extras or 'its defaults'} from net_params: {error}"
            ) from error

    def get_params_for_optimizer(self, prefix, named_parameters):
        """Use the fused kernels where there are any, and decay weights only."""
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        args, kwargs = optimizer_arguments(
            self.optimizer, self.weight_decay, args, kwargs
        )
        self.flat = flatten(self.optimizer, args, kwargs)
        if self.flat is not None:
            args = ([{"params": [self.flat.vector]}],)
        return args, kwargs

    def get_dataset(self, X, y=None):
        """Return rows; an array is of such as the module sees, centred and scaled."""
        if isinstance(X, np.ndarray):
            return Rows(Samples(X), Scaling(), None, self.device, self.dtype)
        return super().get_dataset(X, y)

    def get_iterator(self, dataset, training=False):
        """Hand the generator of the order to the training batches."""
        iterator = super().get_iterator(dataset, training=training)
        if training and isinstance(iterator, Batches):
            iterator.generator = self.order_generator
            # Callbacks may keep the batches that they are shown.
            iterator.one_block = not self.watched
        return iterator

    # -- training

    def notify(self, method_name, **cb_kwargs):
        """Call the callbacks, which may end training."""
        self.notifying = True
        super().notify(method_name, **cb_kwargs)
        self.notifying = False
        if self.enough and method_name == "on_epoch_end":
            raise Enough

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run an epoch that waits for the device once, at its end."""
        if iterator is None:
            return
        with nullcontext() if training else self.same_noise():
            self._set_mode(training)
            losses = EpochLosses(len(iterator.dataset), training, self)
            prepare = self.criterion_.prepare
            for batch in iterator:
                batch = self._as_batch(batch)
                if self.watched:
                    seen = {"batch": (batch.x, batch.compared), "training": training}
                    self.notify("on_batch_begin", **seen)
                step = step_fn(prepare(batch), **fit_params)
                losses.add(step, batch, self.criterion_.terms)
                if self.watched:
                    self._record_batch(prefix, step["loss"].item(), len(batch.x))
                    self.notify("on_batch_end", **seen, **step)
                    self._set_mode(training)
        self._record(losses, training, prefix)

    def _record_batch(self, prefix, loss, n_rows):
        self.history.record_batch(f"{prefix}_loss", loss)
        for each in ("train", "valid"):  # a callback's `on_train` may be either
            self.history.record_batch(f"{each}_batch_size", n_rows)

    def _record(self, losses, training, prefix):
        """Write an epoch's losses into the history."""
        mean = losses.mean()
        if not training:
            self.valid_rows = losses.of_rows
        if not np.isfinite(mean):
            raise ValueError(DIVERGED.format(f"the {prefix} loss", self.lr))
        if not self.watched:  # callbacks may read the last batch of an epoch
            self.history.new_batch()
            self._record_batch(prefix, mean, losses.n_rows)
        lowest = min(row.get(f"{prefix}_loss", np.inf) for row in self.history)
        self.history.record(f"{prefix}_loss", mean)
        self.history.record(f"{prefix}_batch_count", losses.n_batches)
        self.history.record(f"{prefix}_loss_best", mean < lowest)
        for name, value in losses.terms.items():
            self.history.record(f"{prefix}_{name}", float(value) / losses.counted)
        if training:
            self.history.record("lr", self.optimizer_.param_groups[0]["lr"])

    @contextmanager
    def same_noise(self):
        """Corrupt validation rows, in every epoch alike; the rest is as in inference.

        What is validated is what is minimised: without the noise the start, which
        copies rows well, would win over what training is for.
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

    def _set_mode(self, training):
        """Set the modules' mode; corruptions act on validation rows as well."""
        self._set_training(training)
        for part in self.module_.modules():
            if getattr(part, "acts_in_validation", False):
                part.train()

    def train_step(self, batch, **fit_params):
        """Take one step of the optimizer; skorch's own where a closure is needed."""
        if self.schedule is not None:
            self.set_rate(self.schedule.next_rate())
        if self.takes_whole_steps:
            return super().train_step(batch, **fit_params)
        step = self.train_step_single(batch)
        self.optimizer_.step()
        return step

    def set_rate(self, learning_rate):
        """Set the learning rate of the next steps, of some parts a multiple of it."""
        for group in self.optimizer_.param_groups:
            group["lr"] = learning_rate * group.get("rate_factor", 1.0)

    def train_step_single(self, batch, **fit_params):
        """Return the loss of a batch and the output, with gradients computed."""
        self._zero_grad_optimizer()
        result = self.module_(batch)
        loss = self.criterion_(result, batch)
        loss.backward()
        # What nobody looks at is let go: its memory serves the next step, still cached.
        return {"loss": loss, "y_pred": result.output if self.watched else None}

    def _zero_grad_optimizer(self, set_to_none=None):
        if self.flat is None:
            self.optimizer_.zero_grad()
        else:
            self.flat.zero_grad()

    def validation_step(self, batch, **fit_params):
        """Return what is minimised, of the batch and of each of its rows."""
        with torch.no_grad():
            result = self.module_(batch)
            rows = self.criterion_.per_row(result, batch)
        return {"loss": batch.mean(rows), "y_pred": result.output, "rows": rows}

    def evaluation_step(self, batch, training=False):
        """Return the decoder's output alone: what skorch's `predict` goes on with."""
        self._set_training(training)
        with torch.set_grad_enabled(training):
            return self.module_(self._as_batch(batch)).output

    def _as_batch(self, batch):
        """Return a batch, which other iterators than ours give as a dict, as one."""
        if isinstance(batch, dict):
            return Batch(**batch).to(self.device)
        return batch

    def row_losses(self, rows):
        """Return what is minimised of each of the rows, an array of float64."""
        losses = EpochLosses(len(rows), False, self)
        with self.same_noise():
            for batch in self.get_iterator(rows, training=False):
                batch = self._as_batch(batch)
                step = self.validation_step(self.criterion_.prepare(batch))
                losses.add(step, batch, {})
        return losses.of_rows

    # -- inference and state

    def ready(self):
        """Make the module ready for inference, after its weights changed."""
        self._twins = {}
        self._set_training(False)

    def module_for(self, dtype):
        """Return the module whose weights have `dtype`, in evaluation mode.

        A converted twin is kept beside the trained one, and follows its weights.
        """
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self.module_
        with torch.inference_mode(False), torch.no_grad():
            if dtype not in self._twins:
                twin = copy.deepcopy(self.module_)
                if torch.device(self.device).type == "mps":
                    twin = twin.cpu()
                self._twins[dtype] = twin.to(getattr(torch, dtype.name)).eval()
            twin = self._twins[dtype]
            both = zip(_tensors(twin), _tensors(self.module_), strict=True)
            for of_twin, own in both:
                of_twin.copy_(own)
        return twin

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
        self.ready()

    def __getstate__(self):
        snapshot = self.snapshot()
        return {"recipe": self.recipe, "draws": self.draws, "snapshot": snapshot}

    def __setstate__(self, state):
        recipe = dict(state["recipe"])
        if torch.device(recipe["device"]).type not in present_devices():
            recipe["device"] = "cpu"
        self.__init__(**recipe)
        self.initialize()
        self.draws = state["draws"]
        self.restore(state["snapshot"])


def _tensors(module):
    """Return the parameters and buffers of a module."""
    return [*module.parameters(), *module.buffers()]
