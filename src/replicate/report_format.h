#pragma once

#include <string_view>

namespace freightliner::replicate {

/// The member that tells a report from any other document, and the version of the format in it.
inline constexpr std::string_view kReportMark = "freightliner_report";
inline constexpr int kReportFormat = 1;

}  // namespace freightliner::replicate
