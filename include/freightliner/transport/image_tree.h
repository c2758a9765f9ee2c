#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/log.h"
#include "freightliner/http/caller.h"
#include "freightliner/registry/registry_client.h"
#include "freightliner/transport/image_destination.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::transport {

/// Where many images live, as the user names it: `HOST[:PORT][/PREFIX]` (also with "docker://" before it) or
/// `oci-tree:DIR`. The first component is always a host, so that `localhost:5000` is a registry here, never an image. A
/// value type.
struct TreeName {
  std::string registry = {};             ///< as in oci::Reference; empty for an oci-tree
  std::string prefix = {};               ///< "team" or "team/sub"; empty: the whole registry
  std::filesystem::path directory = {};  ///< of an oci-tree; without ':' and '@', so that its layouts have names

  bool is_registry() const noexcept { return !registry.empty(); }
  /// A host has a dot or a port or is localhost, as in a reference: "team/app" has none. Errors: kUsage, with what to
  /// write instead (a tag or digest, an image transport, a name without a host, a prefix that is no repository name).
  static Result<TreeName> parse(std::string_view text);
  /// In the form that parse() reads: "host:5000/team", "oci-tree:DIR".
  std::string to_string() const;
  /// Where this tree lies in `outer`, as what the names of its repositories begin with there: `outer`'s own prefix (or
  /// empty) where both are the same place, nullopt where it lies elsewhere. Of registries the names tell ("host:443" is
  /// "host"), of directories the file system, with links followed.
  std::optional<std::string> place_in(const TreeName& outer) const;
};

/// One tag as a listing shows it.
struct ListedTag {
  std::string name;
  /// What it names, where the listing tells: a registry's does not, a layout's does where one valid image has the name.
  std::optional<oci::Digest> digest = {};
};

/// Many repositories in one place: a registry, or a directory of layouts. Repository names are whole ("team/app"),
/// never relative to the prefix; one that is no repository name is an error (kUsage) in every call. Safe from any
/// thread; the Caller is the calling thread's. Outlives what it opens.
class ImageTree {
 public:
  virtual ~ImageTree() = default;
  virtual const TreeName& name() const noexcept = 0;

  /// Gets ready for the first request where that can be done ahead of it; sends none. Call it or not.
  virtual void greet(http::Caller& /*caller*/) {}

  /// All repositories of the prefix: the one of that very name and all below it; sorted, each once. nullopt where the
  /// place has no catalog that we may read (404, 405, 501, or a refusal), or is a directory that does not exist. Names
  /// that are no repository names are passed over with a warning, as are links in a directory. Errors: a list that
  /// breaks off is an error, never a shorter list; kProtocol for page loops and pages on other hosts.
  virtual Result<std::optional<std::vector<std::string>>> repositories(http::Caller& caller) = 0;
  /// All tags of a repository, sorted, each once; nullopt where there is no such repository. Names that are no tags are
  /// passed over with a warning (skopeo #1740). Errors as repositories().
  virtual Result<std::optional<std::vector<ListedTag>>> tags(http::Caller& caller, const std::string& repository) = 0;

  /// The image under a tag (or, where `tag` is the text of a digest, by that). A registry is not asked anything yet.
  /// Errors: kUsage for what is neither tag nor digest; from a directory kNotFound where there is no such repository,
  /// and those of opening a layout.
  virtual Result<std::unique_ptr<ImageSource>> source(const std::string& repository, const std::string& tag) = 0;
  virtual Result<std::unique_ptr<ImageDestination>> destination(const std::string& repository,
                                                                const std::string& tag) = 0;

  /// Removes a tag and leaves its manifest alone. False where the place can't untag: docker-registry 2.8.2 answers 400
  /// to DELETE by tag, others 405. True also where the tag is not there any more. In a directory the entry of the tag
  /// goes; the manifest stays as a blob that can be named by its digest.
  virtual Result<bool> remove_tag(http::Caller& caller, const std::string& repository, const std::string& tag) = 0;
  /// Deletes a manifest with all the tags that name it. The caller knows that nothing that shall stay needs it. In a
  /// directory all entries of that digest go and the blobs stay: other repositories may share them, and nothing
  /// collects what no image needs any more. Errors: kDenied where the registry has deletion switched off.
  virtual Status remove_manifest(http::Caller& caller, const std::string& repository, const oci::Digest& digest) = 0;
};

/// A registry. The client outlives the tree. `write` as in RegistryClient: one that is written to is listed with the
/// token that it is written with.
std::unique_ptr<ImageTree> make_registry_tree(registry::RegistryClient& client, TreeName name, Logger log,
                                              bool write = false);
/// A directory with one layout per repository, DIR/<repository>/{oci-layout,index.json}, which all share the blobs in
/// DIR/_blobs/<algorithm>/<hex> (no repository can have that name; skopeo reads such a layout with
/// --src-shared-blob-dir DIR/_blobs). Layouts may lie in one another ("team" and "team/app"), so a repository with a
/// component "index.json" or "oci-layout" is refused (kUsage), as is a DIR that is itself a layout. Written as
/// open_layout_destination() does, with tags that come at the same time in one go; no link below DIR is followed. With
/// `create` false nothing is made (a source, a dry run), and what tags() or the first source() read of a repository
/// holds for later sources too, so that they cost no reading; it may be read again after some hundred other
/// repositories.
std::unique_ptr<ImageTree> make_layout_tree(TreeName name, bool create, runtime::CleanupRegistry& cleanups, Logger log);

}  // namespace freightliner::transport
