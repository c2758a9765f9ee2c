#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "copy/blob_mover.h"
#include "copy/copy_plan.h"
#include "copy/recompressing_reader.h"
#include "freightliner/base/guarded.h"

namespace freightliner::copy {

/// Recompresses one image: finds out which layers are not in the wanted compression, brings those to the destination
/// anew, and then stands in for the source with the manifests that name them. Configs stay as they are: diff_ids are of
/// unpacked layers. Confined to the thread that copies the image, but for the blobs that the workers ask source() for.
class Recompression {
 public:
  Recompression(const CopyServices& services, transport::ImageSource& source, transport::ImageDestination& destination,
                BlobMover::Origins origins, const RecompressOptions& options);
  ~Recompression();

  /// Reads the configs of the images of a plan whose layers are in another compression. Errors: kIntegrity for a config
  /// that does not fit its manifest; those of reading it.
  Status examine(http::Caller& caller, CopyPlan plan);
  /// The layers that change, each once. None: the image is as it is wanted.
  const std::vector<LayerRecipe>& layers() const noexcept { return layers_; }
  bool changes(const oci::Digest& layer) const { return changing_.contains(layer); }
  /// The source's manifests.
  const std::vector<oci::RawManifest>& originals() const noexcept { return plan_.manifests; }

  /// Recompresses to the destination what no other image of the run has recompressed yet.
  Status convert(http::Caller& caller);
  /// After convert(): the root that the destination gets. Errors: kProtocol.
  Result<oci::RawManifest> rewrite(const oci::RawManifest& root);
  /// After rewrite(): a source that has the new manifests and layers.
  transport::ImageSource& source() noexcept;

  /// Layers that convert() brought itself, by their new digests, and what they were and are in bytes.
  struct Converted {
    std::set<oci::Digest> blobs;
    std::uint64_t bytes_before = 0;
    std::uint64_t bytes_after = 0;
  };
  Converted converted() const {
    return converted_.with([](const Converted& all) { return all; });
  }

 private:
  class Source;
  Status examine_image(http::Caller& caller, const oci::RawManifest& manifest, const oci::ImageManifest& image);
  Result<oci::Descriptor> convert_layer(http::Caller& caller, const LayerRecipe& recipe);
  Result<std::optional<RelayFailure>> attempt(http::Caller& caller, const LayerRecipe& recipe,
                                              std::optional<oci::Descriptor>& outcome);

  const CopyServices& services_;
  transport::ImageDestination& destination_;
  const BlobMover::Origins origins_;
  const RecompressWork work_;
  CopyPlan plan_;
  std::vector<LayerRecipe> layers_;
  std::set<oci::Digest> changing_;
  std::set<oci::Digest> affected_;  // manifests with such a layer
  Guarded<std::map<oci::Digest, oci::Descriptor>> outcomes_;
  Guarded<Converted> converted_;
  std::unique_ptr<Source> stand_in_;
};

}  // namespace freightliner::copy
