#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "freightliner/base/log.h"
#include "freightliner/io/blob_stream.h"
#include "freightliner/io/blob_writer.h"
#include "freightliner/runtime/cleanup_registry.h"
#include "freightliner/transport/image_name.h"
#include "transport/layout_files.h"
#include "transport/layout_root.h"

namespace freightliner::transport {

/// A layout that is written to: what differs between a directory and an archive. It finds what was committed as well as
/// what was there before. Safe from any thread, but for finish(); outlives the writers it gives out.
class LayoutStore : public LayoutFiles {
 public:
  /// Changes the index and tells whether anything changed. May be called again on a newer index.
  using IndexChange = std::function<bool(LayoutIndex&)>;

  /// Null where the blob came to be there meanwhile.
  virtual Result<std::unique_ptr<io::BlobWriter>> begin_blob(const oci::Descriptor& blob) = 0;
  /// Takes a blob that is named when it is complete.
  virtual Result<std::unique_ptr<io::BlobStream>> begin_stream(const std::stop_token& stop) = 0;
  /// Stores a small blob whole.
  virtual Status put(const oci::Digest& digest, ByteSpan bytes) = 0;
  /// The images that the index names now; none where there is no index.
  virtual Result<std::shared_ptr<const IndexSnapshot>> images() const = 0;
  /// Returns when the change is durable (in an archive: at finish()). One that changes nothing makes nothing.
  virtual Status change_index(const IndexChange& change, const std::stop_token& stop) = 0;
  virtual Status finish(const std::stop_token& stop) = 0;
};

/// `cleanups` gets what is written and not yet in its place; it outlives the store. The layout `layout` of a root, as
/// in LayoutRoot::place(). Errors: kProtocol for a place that holds something else.
Result<std::unique_ptr<LayoutStore>> open_directory_store(std::shared_ptr<LayoutRoot> root, std::string layout,
                                                          runtime::CleanupRegistry& cleanups, Logger log);
/// With `create` false nothing is made: every change fails. Errors: kProtocol for a file that holds something else.
Result<std::unique_ptr<LayoutStore>> open_archive_store(const std::filesystem::path& path, bool create,
                                                        runtime::CleanupRegistry& cleanups, Logger log);

}  // namespace freightliner::transport
