#include "fuzz_target.h"

#include "freightliner/oci/reference.h"
#include "freightliner/transport/image_name.h"
#include "freightliner/transport/image_tree.h"

using namespace freightliner;

namespace {

void check_reference(std::string_view text) {
  const auto reference = oci::Reference::parse(text);
  if (!reference) {
    fuzz::require(fuzz::is_harmless(reference.error().describe()), "an error shows no control characters");
    return;
  }
  fuzz::require(oci::is_valid_repository(reference->repository), "the repository follows its grammar");
  fuzz::require(reference->tag.empty() || oci::is_valid_tag(reference->tag), "the tag follows its grammar");
  fuzz::require(!reference->tag.empty() || reference->digest, "something names the image");
  fuzz::require(oci::parse_host_port(reference->registry).has_value(), "the registry is a host");
  const auto again = oci::Reference::parse(reference->to_string());
  fuzz::require(again && again->to_string() == reference->to_string(), "the normal form is a fixed point");
  fuzz::require(again->registry == reference->registry && again->repository == reference->repository &&
                    again->tag == reference->tag && again->digest == reference->digest,
                "the normal form says the same");
}

int kind_of(const transport::ImageName& name) {
  return static_cast<int>(name.kind);
}
int kind_of(const transport::TreeName& name) {
  return name.is_registry() ? 1 : 0;
}

template <class Name>
void check_name(std::string_view text) {
  const auto name = Name::parse(text);
  if (!name) {
    fuzz::require(fuzz::is_harmless(name.error().describe()), "an error shows no control characters");
    return;
  }
  const auto again = Name::parse(name->to_string());
  fuzz::require(again && again->to_string() == name->to_string() && kind_of(*again) == kind_of(*name),
                "a name is read as it is written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_reference(text);
  check_name<transport::ImageName>(text);
  check_name<transport::TreeName>(text);
  static_cast<void>(oci::is_loopback_host(text));
  return 0;
}
