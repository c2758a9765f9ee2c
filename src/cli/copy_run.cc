#include "cli/copy_run.h"

#include <algorithm>
#include <memory>

#include "freightliner/replicate/checkpoint.h"
#include "freightliner/transport/docker.h"
#include "freightliner/transport/layout.h"

namespace freightliner::cli {
namespace {

using transport::ImageName;
using transport::TransportKind;

Result<std::unique_ptr<transport::ImageSource>> open_source(const ImageName& name, registry::RegistryClient* client) {
  switch (name.kind) {
    case TransportKind::kDocker:
      return transport::make_docker_source(*client, *name.reference);
    case TransportKind::kOci:
      return transport::open_layout_source(name);
    case TransportKind::kOciArchive:
      break;
  }
  return transport::open_archive_source(name);
}

Result<std::unique_ptr<transport::ImageDestination>> open_destination(const ImageName& name,
                                                                      registry::RegistryClient* client, bool create,
                                                                      const RunServices& services) {
  switch (name.kind) {
    case TransportKind::kDocker:
      return transport::make_docker_destination(*client, *name.reference);
    case TransportKind::kOci:
      return transport::open_layout_destination(name, create, services.cleanups, services.log);
    case TransportKind::kOciArchive:
      break;
  }
  return transport::open_archive_destination(name, create, services.cleanups, services.log);
}

// Uploads are told apart by repository and digest, so nothing but the two names decides what they are.
Result<std::unique_ptr<replicate::Checkpoint>> open_checkpoint(const CopyRequest& request,
                                                               const RunServices& services) {
  if (request.checkpoint.empty() || request.options.dry_run) return std::unique_ptr<replicate::Checkpoint>();
  return replicate::Checkpoint::open(services.cleanups, request.checkpoint,
                                     {request.source.to_string(), request.destination.to_string(), "copy"}, Duration(0),
                                     services.clock);
}

}  // namespace

Result<copy::CopyReport> run_copy_request(const CopyRequest& request, const RunServices& services,
                                          const std::stop_token& stop) {
  const auto registry_of = [](const ImageName& name) {
    return name.reference ? name.reference->registry : std::string();
  };
  // The thread that copies is one of the jobs.
  const std::size_t helpers = std::max<std::size_t>(request.jobs - 1, 1);
  FL_TRY(const auto checkpoint, open_checkpoint(request, services));
  RunServices with_journal = services;
  with_journal.uploads = checkpoint.get();
  Engine engine(request, with_journal, {registry_of(request.source), registry_of(request.destination)},
                {helpers, helpers}, stop);
  FL_TRY(const auto source, open_source(request.source, engine.source_client()));
  FL_TRY(const auto destination,
         open_destination(request.destination, engine.destination_client(), !request.options.dry_run, services));
  http::Caller caller{engine.own_session(), stop};
  FL_TRY(copy::CopyReport report, engine.copier().copy(caller, *source, *destination, request.options));
  report.retries = services.progress.retries.load();
  return report;
}

}  // namespace freightliner::cli
