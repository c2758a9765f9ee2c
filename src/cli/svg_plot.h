#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/plot_series.h"

namespace freightliner::cli {

/// A picture for a browser: a title, a line for each run in the colour of its curve, and the plots below each other.
struct SvgPicture {
  std::string title;
  std::vector<std::string> runs;  ///< what each curve is, in the order of the curves
  std::vector<Plot> plots;
};

/// The picture as an SVG 1.1 document: stands alone, needs no script, no style sheet and no font of its own. Texts may
/// hold anything.
std::string svg_document(const SvgPicture& picture);

}  // namespace freightliner::cli
