"""Pure numerics: histograms, quantiles and their intervals, steadiness, operational laws."""
