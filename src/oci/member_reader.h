#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/oci/json.h"

namespace freightliner::oci {

/// Reads the members of one JSON object, strictly by type; every error names the place. A member that is absent leaves
/// `out` as it is. Looks at the object and at `where`, which must outlive it. All errors: kProtocol.
class MemberReader {
 public:
  /// `where` names the object in errors ("manifest.layers[3]"). Fails where `json` is no object.
  static Result<MemberReader> of(const Json& json, std::string_view where);

  /// An error about the member.
  Unexpected wrong(std::string_view key, std::string_view reason) const;
  /// An error about the member's JSON type.
  Unexpected wrong_type(std::string_view key, std::string_view wanted) const;
  /// The member; nullptr where there is none.
  const Json* find(std::string_view key) const;

  Status read(std::string_view key, std::string& out) const;
  Status read_required(std::string_view key, std::string& out) const;
  Status read(std::string_view key, std::vector<std::string>& out) const;
  Status read(std::string_view key, std::map<std::string, std::string>& out) const;
  /// An integer in [0, 2^63), which must be there.
  Status read_required(std::string_view key, std::uint64_t& out) const;

 private:
  MemberReader(const Json& object, std::string_view where) : object_(&object), where_(where) {}

  const Json* object_;
  std::string_view where_;
};

}  // namespace freightliner::oci
