"""Training and inference over torch: batches, seeds, the net, the first pass."""
