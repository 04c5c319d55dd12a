"""Roles of an estimator beside that of a transformer."""
