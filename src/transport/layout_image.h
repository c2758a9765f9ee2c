#pragma once

#include <memory>

#include "freightliner/transport/image_destination.h"
#include "freightliner/transport/image_source.h"
#include "transport/layout_store.h"

namespace freightliner::transport {

/// An image among those that `images` names. The files and the images may be shared.
std::unique_ptr<ImageSource> make_layout_source(ImageName image, std::shared_ptr<const LayoutFiles> files,
                                                std::shared_ptr<const IndexSnapshot> images);
/// An image to be written to a store, which may be shared.
std::unique_ptr<ImageDestination> make_layout_destination(ImageName image, std::shared_ptr<LayoutStore> store);

}  // namespace freightliner::transport
