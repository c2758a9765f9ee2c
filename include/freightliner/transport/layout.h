#pragma once

#include <memory>

#include "freightliner/base/log.h"
#include "freightliner/runtime/cleanup_registry.h"
#include "freightliner/transport/image_destination.h"
#include "freightliner/transport/image_name.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::transport {

/// An image in an OCI image layout (image-spec v1.1, image-layout.md) or in a tar of one. Reading never follows a
/// symbolic link and never leaves the directory. The index.json of the moment of opening holds for the source's whole
/// life. An image is found by its tag (org.opencontainers.image.ref.name) or by its digest, listed in index.json or
/// not. Without either the layout must hold exactly one image. Errors: kNotFound for a missing path, kProtocol for one
/// that is no layout, kIntegrity for links and hostile archives. resolve() and root(): kUsage where a tag is needed, or
/// names several images.
Result<std::unique_ptr<ImageSource>> open_layout_source(const ImageName& name);
Result<std::unique_ptr<ImageSource>> open_archive_source(const ImageName& name);

/// A layout to write to, created at the first write where it is missing. Written as a trusted store is: temporary file
/// in the same directory, fsync, rename, fsync of the directory; index.json is re-read and changed under a lock
/// (`.freightliner.lock` in the layout, flock(2); other tools pass over it), so that tags written by other processes
/// survive. Whoever waits for it more than 10 minutes gets kLocked. A tag names one image: its entry is replaced. An
/// image without a tag takes the place of the only other nameless one; where several stand there already, which skopeo
/// leaves behind when it moves a tag, it is added. An image that is addressed by digest is added. With `create` false
/// nothing is made (a dry run) and a missing layout counts as an empty one. Errors: kProtocol for a directory that
/// holds an index.json of something else.
Result<std::unique_ptr<ImageDestination>> open_layout_destination(const ImageName& name, bool create,
                                                                  runtime::CleanupRegistry& cleanups, Logger log);
/// An archive to write to: a new file next to the old one, begun at the first write, which takes its place at finish().
/// What the old archive holds is carried over, as is its mode, and finish() fails with kLocked where another program
/// has replaced it meanwhile (seen under a lock on the directory, which all writers of ours take). Blobs are written in
/// parallel, each into its own member; one digest has one writer at a time. Its directory must exist. With `create`
/// false nothing is made. Errors: kNotFound, kProtocol for a file that is no such archive (an empty file counts as
/// none).
Result<std::unique_ptr<ImageDestination>> open_archive_destination(const ImageName& name, bool create,
                                                                   runtime::CleanupRegistry& cleanups, Logger log);

}  // namespace freightliner::transport
