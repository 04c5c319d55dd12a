"""Steps before an estimator: texts as tokens, one long series as windows."""
