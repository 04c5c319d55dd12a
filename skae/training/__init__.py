"""Training over torch: the net, the trainer, optimizers, seeds, devices."""
