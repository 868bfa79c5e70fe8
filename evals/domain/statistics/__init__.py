"""The statistics of the gate, one noun a file. Pure; scipy is imported where used."""

from __future__ import annotations

from evals.domain.statistics.agreement import (
    Agreement,
    Rate,
    agreement,
    cohens_kappa,
)
from evals.domain.statistics.binomial import (
    at_least,
    rate_for_power,
)
from evals.domain.statistics.difference import (
    BinaryDifference,
    ClusteredDifference,
    Difference,
    bounds,
    difference_of,
)
from evals.domain.statistics.e_process import (
    e_value,
    is_decided,
)
from evals.domain.statistics.holm import holm
from evals.domain.statistics.interval import (
    Estimate,
    Interval,
    StatisticsInputError,
    one_sided_z,
    two_sided_z,
)
from evals.domain.statistics.mcnemar import (
    fewest_flips,
    mcnemar,
    mcnemar_one_sided,
)
from evals.domain.statistics.mean import (
    ClusteredMean,
    clustered_mean,
    design_effect,
    standard_error,
)
from evals.domain.statistics.paired_samples import (
    Change,
    PairedSample,
    fewest_pairs,
    mean_difference,
    mean_ratio,
    mean_ratio_p,
    percentile_difference,
    percentile_ratio,
    percentile_ratio_p,
)
from evals.domain.statistics.percentiles import (
    Bounds,
    least_for_upper,
    percentile,
    percentile_bounds,
    percentile_lower,
    percentile_upper,
)
from evals.domain.statistics.ppi import (
    JudgedMean,
    ppi_mean,
    ppi_paired_mean,
)
from evals.domain.statistics.rogan_gladen import (
    Hits,
    least_skill,
    rogan_gladen,
)
from evals.domain.statistics.sample_size import (
    cases_for_drop,
    cases_for_margin,
    cases_for_mean_difference,
    cases_for_two_rates,
    cases_without_flips,
    detectable_drop,
    detectable_margin,
    margin_without_flips,
    power_of_margin,
)
from evals.domain.statistics.tango import (
    tango,
    tango_lower,
    tango_upper,
)
from evals.domain.statistics.variances import (
    Variances,
    variances,
)
from evals.domain.statistics.wilson import (
    cases_to_decide,
    most_failing_passes,
    needed_passes,
    wilson,
    wilson_clustered,
)

__all__ = [
    "Agreement",
    "BinaryDifference",
    "Bounds",
    "Change",
    "ClusteredDifference",
    "ClusteredMean",
    "Difference",
    "Estimate",
    "Hits",
    "Interval",
    "JudgedMean",
    "PairedSample",
    "Rate",
    "StatisticsInputError",
    "Variances",
    "agreement",
    "at_least",
    "bounds",
    "cases_for_drop",
    "cases_for_margin",
    "cases_for_mean_difference",
    "cases_for_two_rates",
    "cases_to_decide",
    "cases_without_flips",
    "clustered_mean",
    "cohens_kappa",
    "design_effect",
    "detectable_drop",
    "detectable_margin",
    "difference_of",
    "e_value",
    "fewest_flips",
    "fewest_pairs",
    "holm",
    "is_decided",
    "least_for_upper",
    "least_skill",
    "margin_without_flips",
    "mcnemar",
    "mcnemar_one_sided",
    "mean_difference",
    "mean_ratio",
    "mean_ratio_p",
    "most_failing_passes",
    "needed_passes",
    "one_sided_z",
    "percentile",
    "percentile_bounds",
    "percentile_difference",
    "percentile_lower",
    "percentile_ratio",
    "percentile_ratio_p",
    "percentile_upper",
    "power_of_margin",
    "ppi_mean",
    "ppi_paired_mean",
    "rate_for_power",
    "rogan_gladen",
    "standard_error",
    "tango",
    "tango_lower",
    "tango_upper",
    "two_sided_z",
    "variances",
    "wilson",
    "wilson_clustered",
]
