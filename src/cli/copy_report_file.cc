#include "cli/copy_report_file.h"

namespace freightliner::cli {
namespace {

/// Where an image is, as a report names it.
struct Place {
  std::string repository;
  std::string reference;
};

Place place_of(const transport::ImageName& name) {
  const std::string& tag = name.reference ? name.reference->tag : name.tag;
  const auto& digest = name.reference ? name.reference->digest : name.digest;
  return {name.reference ? name.reference->repository : name.path.string(), digest ? digest->to_string() : tag};
}

std::string whole_place(const transport::ImageName& name) {
  const std::string place = place_of(name).repository;
  return name.reference ? name.reference->registry + "/" + place : place;
}

}  // namespace

replicate::SingleCopy single_copy(const CopyOrder& order, const CopyNames& names) {
  const Place destination = place_of(order.destination);
  return {.source = names.source,
          .destination = names.destination,
          .repository = {place_of(order.source).repository, destination.repository},
          .tag = destination.reference,
          .recompresses = order.options.recompress.has_value(),
          .dry_run = order.options.dry_run,
          .started = {}};
}

void BatchReport::add(const CopyOrder* order, const Result<copy::CopyReport>& outcome, Duration duration) {
  replicate::SingleCopy single = order == nullptr ? replicate::SingleCopy() : single_copy(*order, {});
  // The lines of a batch have no registry in common that the report could name.
  if (order != nullptr) single.repository = {whole_place(order->source), whole_place(order->destination)};
  const auto pair = order == nullptr ? no_repository_ : pair_of(std::move(single.repository));
  replicate::ReferenceResult result =
      outcome ? replicate::copied_result(pair, std::move(single.tag), *outcome, {.recompresses = single.recompresses})
              : replicate::failed_result(pair, std::move(single.tag), outcome.error());
  result.duration = duration;
  ++report_.totals.tags;
  report_.totals.repositories = pairs_.size();
  report_.totals.add(result.outcome);
  if (outcome) report_.totals.add_blobs(*outcome);
  report_.references.push_back(std::move(result));
}

// Many copies are of one repository: its names are kept once.
std::shared_ptr<const replicate::RepositoryPair> BatchReport::pair_of(replicate::RepositoryPair pair) {
  auto& known = pairs_[{pair.source, pair.destination}];
  if (!known) known = std::make_shared<const replicate::RepositoryPair>(std::move(pair));
  return known;
}

int save_copy_report(RunFrame& frame, const std::filesystem::path& path, const replicate::TreeReport& report,
                     int code) {
  if (path.empty()) return code;
  const Status saved = replicate::save_report(report, path, frame.cleanups());
  if (saved) return code;
  write_failure(frame.voice().terminal, frame.voice().log_format, saved.error().describe());
  return code == kExitDone ? exit_code(saved.error().code()) : code;
}

}  // namespace freightliner::cli
