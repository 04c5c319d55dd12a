"""What extensions build on, in one place: see "Extending skae" in the documentation."""

from skae.architectures import Architecture, SequenceDecoder
from skae.autoencoders.base import BaseAutoencoder
from skae.autoencoders.criterion import Criterion
from skae.autoencoders.module import AutoencoderModule, Forward, plus
from skae.autoencoders.objective import Defaults, Start, resolved
from skae.autoencoders.variational import (
    Bound,
    VariationalForward,
    VariationalModel,
    VariationalModule,
)
from skae.autoencoders.weighted import WeightedAutoencoder
from skae.codecs import Codec
from skae.corruption import Corruption
from skae.data.batch import Batch, over_cells
from skae.data.checks import as_table
from skae.data.fields import Field, Fields
from skae.data.ragged import Ragged
from skae.data.statistics import ColumnStatistics
from skae.losses import Loss, ScaledLoss
from skae.roles.outliers import OutlierDetector
from skae.sparsity import Sparsity

__all__ = [
    "Architecture",
    "AutoencoderModule",
    "BaseAutoencoder",
    "Batch",
    "Bound",
    "Codec",
    "ColumnStatistics",
    "Corruption",
    "Criterion",
    "Defaults",
    "Field",
    "Fields",
    "Forward",
    "Loss",
    "OutlierDetector",
    "Ragged",
    "ScaledLoss",
    "SequenceDecoder",
    "Sparsity",
    "Start",
    "VariationalForward",
    "VariationalModel",
    "VariationalModule",
    "WeightedAutoencoder",
    "as_table",
    "over_cells",
    "plus",
    "resolved",
]
