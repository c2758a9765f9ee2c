#pragma once

#include <string>

#include "cli/plot_series.h"
#include "freightliner/cli/app.h"

namespace freightliner::cli {

/// Whether the terminal's character set is UTF-8: LC_ALL, LC_CTYPE or LANG says so, the first that is set.
bool is_utf8_locale(const EnvironmentLookup& environment);

/// A plot for a terminal, 72 columns wide: one picture per curve, all with the same axes. `unicode`: with block
/// elements, else in ASCII alone. Empty where there is nothing to draw.
std::string text_plot(const Plot& plot, bool unicode);

}  // namespace freightliner::cli
