"""Pure numerics: histograms, quantiles and their intervals, steadiness, growth of counters."""
