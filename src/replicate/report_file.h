#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "freightliner/base/result.h"

namespace freightliner::replicate {

/// Gets the values of a report as the parser meets them: the document is never in memory. An event that returns false
/// ends the parsing, and reason() says why.
class ReportVisitor : public nlohmann::json_sax<nlohmann::json> {
 public:
  const std::string& reason() const noexcept { return reason_; }
  /// The parser gave up, not the visitor.
  bool malformed() const noexcept { return malformed_; }
  /// The whole document was read: is it a report? If not, reason() tells.
  virtual bool complete() = 0;

  bool binary(binary_t& value) override;
  bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception& error) override;

 protected:
  bool stop(std::string reason);
  /// Whether `format`, the value of the mark, is one that this version reads; 0: there was none.
  bool accept_format(std::uint64_t format);

 private:
  std::string reason_;
  bool malformed_ = false;
};

/// Parses a report, also from a pipe, within bounds: at most 4 GiB, 64 levels, 1 MiB for a single string or number.
/// Errors: kNotFound, kLocalIo, kUsage for a file that is no such report.
Status visit_report(const std::filesystem::path& path, ReportVisitor& visitor);

}  // namespace freightliner::replicate
