#pragma once

#include <memory>

#include "freightliner/oci/reference.h"
#include "freightliner/registry/registry_client.h"
#include "freightliner/transport/image_destination.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::transport {

/// An image in a registry. The client outlives it.
std::unique_ptr<ImageSource> make_docker_source(registry::RegistryClient& client, oci::Reference reference);
std::unique_ptr<ImageDestination> make_docker_destination(registry::RegistryClient& client, oci::Reference reference);

}  // namespace freightliner::transport
