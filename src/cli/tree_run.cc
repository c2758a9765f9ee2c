#include "cli/tree_run.h"

#include <memory>
#include <optional>

#include "freightliner/replicate/checkpoint.h"
#include "freightliner/replicate/run_lock.h"

namespace freightliner::cli {
namespace {

using replicate::TreeReport;
using transport::ImageTree;

/// The engine of a run over two trees, and the trees.
class TreeEngine {
 public:
  TreeEngine(const TreeRequest& request, const RunServices& services, bool create, const std::stop_token& stop)
      : services_(services),
        engine_(request, services,
                many_images_workforce(request, request.source.registry == request.destination.registry), stop),
        source_(open_source(request.source)),
        destination_(open_destination(request, create)) {}

  replicate::TreeServices tree_services(replicate::Checkpoint* checkpoint) {
    return {.copier = engine_.copier(),
            .workers = engine_.workers(),
            .sessions = engine_.sessions(),
            .buffers = engine_.buffers(),
            .clock = services_.clock,
            .progress = services_.progress,
            .log = services_.log,
            .checkpoint = checkpoint};
  }
  ImageTree& source() noexcept { return *source_; }
  ImageTree& destination() noexcept { return *destination_; }

 private:
  std::unique_ptr<ImageTree> open_source(const transport::TreeName& name) {
    if (!name.is_registry()) return transport::make_layout_tree(name, false, services_.cleanups, services_.log);
    return transport::make_registry_tree(engine_.source_client(name.registry), name, services_.log, false);
  }
  std::unique_ptr<ImageTree> open_destination(const TreeRequest& request, bool create) {
    const transport::TreeName& name = request.destination;
    if (!name.is_registry()) return transport::make_layout_tree(name, create, services_.cleanups, services_.log);
    registry::RegistryClient& client = engine_.destination_client(name.registry, request.options.copy.overwrite);
    return transport::make_registry_tree(client, name, services_.log, create);
  }

  const RunServices& services_;
  Engine engine_;
  std::unique_ptr<ImageTree> source_;
  std::unique_ptr<ImageTree> destination_;
};

/// What a replication holds while it runs.
struct RunState {
  std::optional<replicate::RunLock> lock;
  std::unique_ptr<replicate::Checkpoint> checkpoint;
};

Result<RunState> take_state(const TreeRequest& request, const RunServices& services, const std::stop_token& stop) {
  RunState state;
  if (request.options.copy.dry_run) return state;
  const std::string source = request.source.to_string();
  const std::string destination = request.destination.to_string();
  std::filesystem::path lock = request.lock;
  if (lock.empty()) {
    FL_TRY(lock, replicate::default_lock_path(source, destination));
  }
  FL_TRY(replicate::RunLock held,
         replicate::RunLock::acquire(services.cleanups, lock, request.lock_wait, services.clock, stop));
  state.lock.emplace(std::move(held));
  if (request.checkpoint.empty()) return state;
  FL_TRY(state.checkpoint, replicate::Checkpoint::open(services.cleanups, request.checkpoint,
                                                       {source, destination, request.selection_text},
                                                       request.checkpoint_ttl, services.clock, services.log));
  return state;
}

}  // namespace

TreeReport replicate_tree(const TreeRequest& request, const RunServices& services, const std::stop_token& stop) {
  const auto state = take_state(request, services, stop);
  if (!state) {
    TreeReport report;
    report.source = request.source.to_string();
    report.destination = request.destination.to_string();
    report.started = services.clock.wall_time();
    report.error = state.error();
    return report;
  }
  RunServices with_journal = services;
  with_journal.uploads = state->checkpoint.get();
  TreeEngine engine(request, with_journal, !request.options.copy.dry_run, stop);
  const replicate::TreeReplicator replicator(engine.tree_services(state->checkpoint.get()));
  return replicator.run(stop, engine.source(), engine.destination(), request.options);
}

TreeReport check_tree(const TreeRequest& request, const RunServices& services, const std::stop_token& stop) {
  TreeEngine engine(request, services, false, stop);
  const replicate::TreeChecker checker(engine.tree_services(nullptr));
  const replicate::CheckOptions options{
      .selection = request.options.selection, .fail_on_empty = request.options.fail_on_empty, .deep = request.deep};
  return checker.run(stop, engine.source(), engine.destination(), options);
}

int exit_code(const TreeReport& report, const Interruption& interruption) noexcept {
  if (report.error) return exit_code(report.error->code(), interruption);
  const replicate::TreeTotals& totals = report.totals;
  if (totals.failed > 0 || totals.kept > 0) return kExitPartial;
  return totals.missing + totals.different + totals.extra > 0 ? kExitDiffers : kExitDone;
}

}  // namespace freightliner::cli
