"""Packages that search and record: Optuna, TensorBoard, dask's workers."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

from skae import Dense
from tests.clients.page import quick, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of the packages, and of short training
]


def test_optuna(given):
    optuna = pytest.importorskip("optuna")
    study = run("Optuna", given)["study"]
    assert len(study.trials) == 3
    tried = [trial.params["n_components"] for trial in study.trials]
    assert study.best_params["n_components"] == max(tried)
    assert len(study.trials[0].intermediate_values) == 3
    for kept in (0.0, np.inf):  # no epoch's loss is below, or each is
        pruner = optuna.pruners.ThresholdPruner(upper=kept)
        pruned = optuna.create_study(pruner=pruner)
        pruned.optimize(given["objective"], n_trials=2)
        states = {trial.state.name for trial in pruned.trials}
        assert states == {"COMPLETE" if kept else "PRUNED"}


def test_optuna_by_cross_validation(small):
    optuna = pytest.importorskip("optuna")

    def objective(trial):
        sizes = (trial.suggest_int("size", 4, 8),)
        model = quick(
            trial.suggest_int("n_components", 1, 4), architecture=Dense(sizes)
        )
        return cross_val_score(model, small, cv=2).mean()

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(0)
    )
    study.optimize(objective, n_trials=5)
    tried = {trial.params["n_components"]: trial.value for trial in study.trials}
    assert study.best_params["n_components"] == max(tried)


@pytest.mark.parametrize("monitor", ["train_loss", "valid_loss"])
def test_optuna_integration(monitor, small):
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")

    def objective(trial):
        callback = integration.SkorchPruningCallback(trial, monitor)
        model = quick(2, callbacks=[callback]).fit(small)
        assert monitor in model.history_[0]
        return -model.score(small)

    for upper, state in ((0.0, "PRUNED"), (np.inf, "COMPLETE")):
        pruner = optuna.pruners.ThresholdPruner(upper=upper)
        study = optuna.create_study(pruner=pruner)
        study.optimize(objective, n_trials=1)
        assert study.trials[0].state.name == state


def test_tensorboard(given):
    folder = "tensorboard.backend.event_processing"
    events = pytest.importorskip(f"{folder}.event_accumulator")
    run("TensorBoard", given)
    found = events.EventAccumulator("runs")
    found.Reload()
    assert {"Loss/train_loss", "Loss/valid_loss"} <= set(found.Tags()["scalars"])
    assert [event.step for event in found.Scalars("Loss/train_loss")] == [1, 2, 3]


def test_dask_runs_searches(given):
    pytest.importorskip("distributed")
    search = run("dask", given)["search"]
    alone = GridSearchCV(quick(), search.param_grid, cv=2).fit(given["X"])
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    assert search.best_params_ == {"n_components": 2}


def test_dask_runs_searches_in_threads(small):
    distributed = pytest.importorskip("distributed")
    import joblib

    search = GridSearchCV(quick(), {"n_components": [1, 2]}, cv=2)
    client = distributed.Client(processes=False, dashboard_address=None)
    with client, joblib.parallel_config("dask"):
        search.fit(small)
    alone = GridSearchCV(quick(), search.param_grid, cv=2).fit(small)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
