#include "oci/member_reader.h"

#include <fmt/format.h>

#include <limits>

namespace freightliner::oci {

Result<MemberReader> MemberReader::of(const Json& json, std::string_view where) {
  if (json.is_object()) return MemberReader(json, where);
  return fail(ErrorCode::kProtocol, fmt::format("{}: must be an object, not {}", where, json.type_name()));
}

Unexpected MemberReader::wrong(std::string_view key, std::string_view reason) const {
  return fail(ErrorCode::kProtocol, fmt::format("{}.{}: {}", where_, key, reason));
}

Unexpected MemberReader::wrong_type(std::string_view key, std::string_view wanted) const {
  return wrong(key, fmt::format("must be {}, not {}", wanted, find(key)->type_name()));
}

const Json* MemberReader::find(std::string_view key) const {
  const auto it = object_->find(key);
  return it == object_->end() ? nullptr : &*it;
}

Status MemberReader::read(std::string_view key, std::string& out) const {
  const Json* const value = find(key);
  if (value == nullptr) return {};
  if (!value->is_string()) return wrong_type(key, "a string");
  out = value->get_ref<const std::string&>();
  return {};
}

Status MemberReader::read_required(std::string_view key, std::string& out) const {
  if (find(key) == nullptr) return wrong(key, "missing");
  return read(key, out);
}

Status MemberReader::read(std::string_view key, std::vector<std::string>& out) const {
  const Json* const value = find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) return wrong_type(key, "an array");
  for (const Json& element : *value) {
    if (!element.is_string()) return wrong(key, "must hold nothing but strings");
    out.push_back(element.get_ref<const std::string&>());
  }
  return {};
}

Status MemberReader::read(std::string_view key, std::map<std::string, std::string>& out) const {
  const Json* const value = find(key);
  if (value == nullptr) return {};
  if (!value->is_object()) return wrong_type(key, "an object");
  for (const auto& [name, text] : value->items()) {
    if (!text.is_string()) return wrong(key, "must hold nothing but strings");
    out.emplace(name, text.get_ref<const std::string&>());
  }
  return {};
}

Status MemberReader::read_required(std::string_view key, std::uint64_t& out) const {
  const Json* const value = find(key);
  if (value == nullptr) return wrong(key, "missing");
  // A float is refused even where it is whole: readers differ on what 1.0 and 1e3 are.
  if (!value->is_number_integer()) return wrong(key, "must be an integer from 0 to 2^63-1");
  const bool negative = !value->is_number_unsigned() && value->get<std::int64_t>() < 0;
  const auto number = value->get<std::uint64_t>();
  if (negative || number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return wrong(key, "must be an integer from 0 to 2^63-1");
  }
  out = number;
  return {};
}

}  // namespace freightliner::oci
