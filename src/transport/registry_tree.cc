#include <fmt/format.h>

#include "freightliner/transport/docker.h"
#include "freightliner/transport/image_tree.h"
#include "transport/tree_listing.h"

namespace freightliner::transport {
namespace {

class RegistryTree final : public ImageTree {
 public:
  RegistryTree(registry::RegistryClient& client, TreeName name, Logger log, bool write)
      : client_(client), name_(std::move(name)), log_(log), write_(write) {}

  const TreeName& name() const noexcept override { return name_; }
  void greet(http::Caller& caller) override { client_.greet(caller); }
  Result<std::optional<std::vector<std::string>>> repositories(http::Caller& caller) override;
  Result<std::optional<std::vector<ListedTag>>> tags(http::Caller& caller, const std::string& repository) override;
  Result<std::unique_ptr<ImageSource>> source(const std::string& repository, const std::string& tag) override {
    FL_TRY(oci::Reference image, reference(repository, tag));
    return make_docker_source(client_, std::move(image));
  }
  Result<std::unique_ptr<ImageDestination>> destination(const std::string& repository,
                                                        const std::string& tag) override {
    FL_TRY(oci::Reference image, reference(repository, tag));
    return make_docker_destination(client_, std::move(image));
  }
  Result<bool> remove_tag(http::Caller& caller, const std::string& repository, const std::string& tag) override;
  Status remove_manifest(http::Caller& caller, const std::string& repository, const oci::Digest& digest) override;

 private:
  /// The repository as the registry is asked for it: Docker Hub's "alpine" is "library/alpine".
  Result<std::string> asked_for(const std::string& repository) const {
    FL_CHECK(check_repository(repository));
    const bool official = name_.registry == "docker.io" && repository.find('/') == std::string::npos;
    return official ? "library/" + repository : repository;
  }
  Result<oci::Reference> reference(const std::string& repository, const std::string& tag) const {
    FL_TRY(std::string path, asked_for(repository));
    FL_TRY(TreeImage image, TreeImage::parse(tag));
    return oci::Reference{
        .registry = name_.registry, .repository = std::move(path), .tag = std::move(image.tag), .digest = image.digest};
  }

  registry::RegistryClient& client_;
  const TreeName name_;
  const Logger log_;
  const bool write_;
};

Result<std::optional<std::vector<std::string>>> RegistryTree::repositories(http::Caller& caller) {
  FL_TRY(std::optional<std::vector<std::string>> names, client_.catalog(caller, name_.prefix));
  if (!names) return names;
  PassedOver passed(log_, fmt::format("the catalog of {}", name_.registry));
  return std::optional(repositories_of(*std::move(names), name_.prefix, passed));
}

Result<std::optional<std::vector<ListedTag>>> RegistryTree::tags(http::Caller& caller, const std::string& repository) {
  FL_TRY(const std::string path, asked_for(repository));
  FL_TRY(std::optional<std::vector<std::string>> names, client_.tags(caller, path, write_));
  if (!names) return std::optional<std::vector<ListedTag>>();
  std::vector<ListedTag> listed;
  listed.reserve(names->size());
  for (std::string& name : *names) listed.push_back({.name = std::move(name)});
  names.reset();
  PassedOver passed(log_, fmt::format("the tags of {}/{}", name_.registry, repository));
  return std::optional(tags_of(std::move(listed), passed));
}

Result<bool> RegistryTree::remove_tag(http::Caller& caller, const std::string& repository, const std::string& tag) {
  FL_TRY(const oci::Reference image, reference(repository, tag));
  if (image.digest) return fail(ErrorCode::kUsage, fmt::format("{} is a digest and no tag", tag));
  FL_TRY(const registry::DeleteOutcome outcome, client_.delete_manifest(caller, image.repository, image.tag));
  return outcome != registry::DeleteOutcome::kUnsupported;
}

Status RegistryTree::remove_manifest(http::Caller& caller, const std::string& repository, const oci::Digest& digest) {
  FL_TRY(const std::string path, asked_for(repository));
  FL_TRY(const registry::DeleteOutcome outcome, client_.delete_manifest(caller, path, digest.to_string()));
  if (outcome != registry::DeleteOutcome::kUnsupported) return {};
  return fail(ErrorCode::kDenied,
              fmt::format("{} deletes no manifests, so {}@{} stays: deletion must be allowed in its configuration",
                          name_.registry, repository, digest.to_string()));
}

}  // namespace

std::unique_ptr<ImageTree> make_registry_tree(registry::RegistryClient& client, TreeName name, Logger log, bool write) {
  return std::make_unique<RegistryTree>(client, std::move(name), log, write);
}

}  // namespace freightliner::transport
