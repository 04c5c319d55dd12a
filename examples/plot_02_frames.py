"""
A frame of penguins
===================

Measurements, species, islands, sexes and gaps, taken as they are: a map of the rows,
the columns that make one of them strange, and penguins that were never seen.
"""

# %%
# Of 344 penguins eight columns are known, three of them strings; 19 cells are missing.

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from skae import Autoencoder, AutoencoderImputer, VariationalAutoencoder

folder = Path(__file__).parent if "__file__" in globals() else Path()
penguins = pd.read_csv(folder / "penguins.csv")
print(penguins.dtypes)

# %%
# A code of two numbers
# ---------------------

ae = Autoencoder(2, random_state=0).fit(penguins)
codes = ae.transform(penguins)

figure, axes = plt.subplots(figsize=(6, 4.5), layout="constrained")
for species, rows in penguins.groupby("species").indices.items():
    axes.scatter(*codes[rows].T, s=14, label=species)
axes.set(xlabel="code 0", ylabel="code 1", title="Every column in two numbers")
axes.legend()
plt.show()

# %%
# Why is this row strange?
# ------------------------
#
# One penguin is given the bill of another species. The shares of the columns sum to the
# row's loss; beside them is what was expected in their place.

strange = penguins.copy()
strange.loc[0, ["bill_length_mm", "sex"]] = [52.0, "female"]
shares, expected = ae.explain(strange[:1], return_expected=True)
print(
    pd.DataFrame(
        {
            "share": shares.loc[0],
            "observed": strange.loc[0],
            "expected": expected.loc[0],
        }
    ).sort_values("share", ascending=False)
)

# %%
# Gaps filled
# -----------

filled = AutoencoderImputer(random_state=0).fit_transform(penguins)
print(filled[penguins.isna().any(axis=1)].head())

# %%
# Penguins that nobody saw
# ------------------------
#
# Levels are drawn, with the probabilities that belong to a code, and so are numbers.

vae = VariationalAutoencoder(4, random_state=0).fit(penguins)
drawn = vae.sample(344, random_state=0)

figure, both = plt.subplots(
    1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained"
)
for axes, frame, title in zip(both, (penguins, drawn), ("seen", "drawn"), strict=True):
    for species in sorted(penguins["species"].unique()):
        rows = frame[frame["species"] == species]
        axes.scatter(
            rows["flipper_length_mm"], rows["bill_length_mm"], s=12, label=species
        )
    axes.set(title=title, xlabel="flipper, mm", ylabel="bill, mm")
both[0].legend()
plt.show()
