#include "cli/image_pair.h"

#include "freightliner/transport/docker.h"
#include "freightliner/transport/layout.h"

namespace freightliner::cli {
namespace {

using transport::ImageName;
using transport::TransportKind;

Result<std::unique_ptr<transport::ImageSource>> open_source(const ImageName& name, Engine& engine) {
  switch (name.kind) {
    case TransportKind::kDocker:
      return transport::make_docker_source(engine.source_client(name.reference->registry), *name.reference);
    case TransportKind::kOci:
      return transport::open_layout_source(name);
    case TransportKind::kOciArchive:
      break;
  }
  return transport::open_archive_source(name);
}

Result<std::unique_ptr<transport::ImageDestination>> open_destination(const CopyOrder& order, Engine& engine,
                                                                      const RunServices& services) {
  const ImageName& name = order.destination;
  const bool create = !order.options.dry_run;
  switch (name.kind) {
    case TransportKind::kDocker:
      return transport::make_docker_destination(
          engine.destination_client(name.reference->registry, order.options.overwrite), *name.reference);
    case TransportKind::kOci:
      return transport::open_layout_destination(name, create, services.cleanups, services.log);
    case TransportKind::kOciArchive:
      break;
  }
  return transport::open_archive_destination(name, create, services.cleanups, services.log);
}

}  // namespace

Result<copy::ImagePair> open_image_pair(const CopyOrder& order, Engine& engine, const RunServices& services) {
  copy::ImagePair pair;
  FL_TRY(pair.source, open_source(order.source, engine));
  FL_TRY(pair.destination, open_destination(order, engine, services));
  return pair;
}

}  // namespace freightliner::cli
