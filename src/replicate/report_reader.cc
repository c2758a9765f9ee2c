#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"
#include "freightliner/replicate/tree_report.h"
#include "replicate/report_file.h"
#include "replicate/report_format.h"

namespace freightliner::replicate {
namespace {

/// Takes the failed references out of a report.
class FailureCollector final : public ReportVisitor {
 public:
  bool complete() override {
    if (!accept_format(format_)) return false;
    if (!has_source_ || !has_destination_ || !has_references_) {
      return stop("it lacks \"source\", \"destination\" or \"references\"");
    }
    return true;
  }
  FailedReferences take() { return std::move(result_); }

  bool null() override { return may_stand_here(); }
  bool boolean(bool) override { return may_stand_here(); }
  bool number_integer(number_integer_t) override { return may_stand_here(); }
  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ == 1 && key_ == kReportMark) format_ = value;
    return may_stand_here();
  }
  bool number_float(number_float_t, const string_t&) override { return may_stand_here(); }

  bool string(string_t& value) override {
    if (depth_ == 1 && key_ == "source") {
      result_.source = std::move(value);
      has_source_ = true;
    } else if (depth_ == 1 && key_ == "destination") {
      result_.destination = std::move(value);
      has_destination_ = true;
    } else if (in_references_ && depth_ == 3) {
      if (std::optional<std::string>* const place = reference_.place(key_)) *place = std::move(value);
    }
    return may_stand_here();
  }

  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool start_object(std::size_t) override {
    if (in_references_ && depth_ == 2) reference_ = Reference();
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return !(in_references_ && depth_ == 2) || add_reference();
  }
  bool start_array(std::size_t) override {
    if (!may_stand_here()) return false;
    if (depth_ == 1 && key_ == "references") in_references_ = has_references_ = true;
    ++depth_;
    return true;
  }
  bool end_array() override {
    if (--depth_ == 1) in_references_ = false;
    return true;
  }

 private:
  struct Reference {
    std::optional<std::string> source, destination, tag, outcome, reason;

    std::optional<std::string>* place(std::string_view key) noexcept {
      if (key == "source_repository") return &source;
      if (key == "destination_repository") return &destination;
      if (key == "tag") return &tag;
      if (key == "outcome") return &outcome;
      return key == "reason" ? &reason : nullptr;
    }
  };

  /// False for a value where only an object may stand.
  bool may_stand_here() {
    if (depth_ == 0) return stop("it is no JSON object");
    return !(in_references_ && depth_ == 2) || stop(fmt::format("references[{}] is no object", count_));
  }

  bool add_reference() {
    const std::uint64_t position = count_++;
    const auto refuse = [&](std::string_view what) { return stop(fmt::format("references[{}] {}", position, what)); };
    if (!reference_.outcome) return refuse("has no \"outcome\"");
    // What could not be deleted is found again by the next run that deletes.
    if (reference_.outcome != to_string(Outcome::kFailed) || reference_.reason == to_string(Reason::kExtra))
      return true;
    if (!reference_.source || !reference_.destination || !reference_.tag) return refuse("lacks a name");
    // A repository that stands at the destination alone: there is nothing to copy.
    if (reference_.source->empty()) return true;
    for (const std::string& name : {*reference_.source, *reference_.destination}) {
      if (!oci::is_valid_repository(name)) {
        return refuse(fmt::format("has \"{}\" for a repository name", printable(name, 300)));
      }
    }
    if (!reference_.tag->empty() && !oci::is_valid_tag(*reference_.tag)) {
      return refuse(fmt::format("has \"{}\" for a tag", printable(*reference_.tag, 200)));
    }
    result_.references.push_back(
        {{*std::move(reference_.source), *std::move(reference_.destination)}, *std::move(reference_.tag)});
    return true;
  }

  int depth_ = 0;  // of containers around the parser's place
  std::string key_;
  bool in_references_ = false;
  bool has_source_ = false;
  bool has_destination_ = false;
  bool has_references_ = false;
  number_unsigned_t format_ = 0;
  std::uint64_t count_ = 0;
  Reference reference_;
  FailedReferences result_;
};

}  // namespace

Result<FailedReferences> read_failed_references(const std::filesystem::path& path) {
  FailureCollector collector;
  FL_CHECK(visit_report(path, collector));
  return collector.take();
}

}  // namespace freightliner::replicate
