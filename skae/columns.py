"""What there is to say of the columns of a frame."""

from dataclasses import dataclass
from numbers import Integral

from skae._sklearn import BaseEstimator, Interval, StrOptions

TRANSFORMS = ("quantile", "robust")
_NAMES = [list, tuple]


@dataclass(eq=False, repr=False, kw_only=True)
class Columns(BaseEstimator):
    """How the columns of a frame become values, where their kinds do not say it.

    Numbers are numbers; booleans, strings and categories are categories, each level a
    value of the flat rows. Columns are given by their names. With an object of this
    class a frame of numbers alone is taken column by column too: standardised, and with
    its dtypes kept.

    Parameters
    ----------
    categories : list, default=()
        Columns that are categories though their kind is of numbers, such as codes; or
        though nearly every row has a level of its own.
    ordinals : list or dict, default=()
        Columns of ordered levels, which become one number, the place of the level: the
        order is that of an ordered dtype, else the sorted one, or what the dict says,
        ``{"size": ["S", "M", "L"]}``. They come back as the nearest level.
    counts : list, default=()
        Columns of counts, 0 or more, whose likelihood is Poisson's.
    continuous : list, default=()
        Columns of whole numbers that come back with their fractions, as floats; others
        come back as whole numbers.
    transform : {"quantile", "robust"}, dict or None, default=None
        Of numbers, before they are standardised, undone on the way back: "quantile"
        makes the training values normally distributed; "robust" subtracts the median,
        divides by the interquartile range and bounds what is far away (Holzmüller et
        al. 2024). A dict says it column by column. Losses are those of the transformed
        numbers.
    max_levels : int, default=20_000
        Most levels that a category may have.
    unknown : {"missing", "error"}, default="missing"
        What a level that `fit` has not seen is afterwards: a missing cell, or an error.

    References
    ----------
    Holzmüller, D., Grinsztajn, L. and Steinwart, I. (2024). Better by default: strong
    pre-tuned MLPs and boosted trees on tabular data. Neural Information Processing
    Systems.

    Examples
    --------
    >>> import pandas as pd
    >>> from skae import Autoencoder, Columns
    >>> frame = pd.DataFrame({"size": ["S", "M", "L"] * 20, "visits": range(60)})
    >>> columns = Columns(ordinals={"size": ["S", "M", "L"]}, counts=["visits"])
    >>> ae = Autoencoder(1, columns=columns, max_epochs=2, random_state=0).fit(frame)
    >>> ae.reconstruct(frame).columns.tolist()
    ['size', 'visits']
    """

    categories: list | tuple = ()
    ordinals: list | tuple | dict = ()
    counts: list | tuple = ()
    continuous: list | tuple = ()
    transform: str | dict | None = None
    max_levels: int = 20_000
    unknown: str = "missing"

    _parameter_constraints = {
        "categories": _NAMES,
        "ordinals": [*_NAMES, dict],
        "counts": _NAMES,
        "continuous": _NAMES,
        "transform": [StrOptions(set(TRANSFORMS)), dict, None],
        "max_levels": [Interval(Integral, 2, None, closed="left")],
        "unknown": [StrOptions({"missing", "error"})],
    }

    def check_names(self, names) -> None:
        """Raise ValueError for a name that is no column, or that is said twice.

        Parameters
        ----------
        names : list
            Of the columns of the frame.
        """
        said = {}
        for parameter in ("categories", "ordinals", "counts"):
            for name in getattr(self, parameter):
                if name in said:
                    raise ValueError(
                        f"columns: {name!r} is in {said[name]} and in {parameter}."
                    )
                said[name] = parameter
        transform = self.transform if isinstance(self.transform, dict) else {}
        for name, kind in transform.items():
            if kind not in (*TRANSFORMS, None):
                raise ValueError(
                    f"columns: transform of {name!r} must be 'quantile', 'robust' or "
                    f"None, not {kind!r}."
                )
        for name in (*said, *self.continuous, *transform):
            if name not in names:
                raise ValueError(f"columns: X has no column {name!r}.")

    def kind_of(self, name) -> str | None:
        """Return what is said of a column: the kind that it is to be, or None."""
        if name in self.categories:
            return "category"
        if name in self.ordinals:
            return "ordinal"
        return "count" if name in self.counts else None

    def transform_of(self, name) -> str | None:
        """Return how the numbers of a column are transformed."""
        if isinstance(self.transform, dict):
            return self.transform.get(name)
        return self.transform
