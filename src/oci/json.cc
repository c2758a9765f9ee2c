#include "freightliner/oci/json.h"

#include <fmt/format.h>

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "freightliner/base/text.h"

namespace freightliner::oci {
namespace {

/// Builds the tree from the parser's events and stops the parser at the first value that a limit or a duplicate key
/// forbids. nlohmann's parser keeps its own stack on the heap, so nesting never becomes recursion.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(const JsonLimits& limits, const JsonElements* elements) : limits_(limits), elements_(elements) {}

  const std::string& reason() const noexcept { return reason_; }
  /// What the taker of elements said, where it ended the parsing.
  const Status& taken() const noexcept { return taken_; }
  Json take_root() { return std::move(root_); }

  bool null() override { return scalar(Json()); }
  bool boolean(bool value) override { return scalar(Json(value)); }
  bool number_integer(number_integer_t value) override { return scalar(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return scalar(Json(value)); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return scalar(Json(value)); }
  bool string(string_t& value) override { return scalar(Json(std::move(value))); }
  bool binary(binary_t& /*value*/) override { return stop("binary values are not JSON"); }
  bool start_object(std::size_t /*size*/) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& value) override {
    auto& members = open_.back()->get_ref<Json::object_t&>();
    auto [entry, inserted] = members.emplace(std::move(value), nullptr);
    if (!inserted) return stop(fmt::format("the key \"{}\" stands twice in one object", printable(entry->first, 64)));
    if (members.size() > limits_.max_members) {
      return stop(fmt::format("more than {} members in one object, the limit", limits_.max_members));
    }
    member_ = &entry->second;
    if (elements_ != nullptr && open_.size() == 1 && entry->first == elements_->member) taken_member_ = member_;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& error) override {
    return stop(fmt::format("not JSON at byte {}: {}", position, plain_message(error.what())));
  }

 private:
  /// "[json.exception.parse_error.101] parse error at line 1, column 2: reason" → "reason".
  static std::string plain_message(std::string_view message) {
    if (const auto end = message.find("] "); end != std::string_view::npos) message.remove_prefix(end + 2);
    if (message.starts_with("parse error")) {
      if (const auto end = message.find(": "); end != std::string_view::npos) message.remove_prefix(end + 2);
    }
    return printable(message, 160);
  }

  bool stop(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  /// Puts a value where the document has it. Pointers into open containers stay valid: only the innermost one grows.
  Json* add(Json&& value) {
    if (++values_ > limits_.max_values) {
      stop(fmt::format("more than {} values, the limit", limits_.max_values));
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) return &open_.back()->get_ref<Json::array_t&>().emplace_back(std::move(value));
    *member_ = std::move(value);
    return member_;
  }

  bool scalar(Json&& value) { return add(std::move(value)) != nullptr && finish_value(); }

  bool open(Json&& container) {
    if (open_.size() >= static_cast<std::size_t>(limits_.max_depth)) {
      return stop(fmt::format("nested more than {} deep, the limit", limits_.max_depth));
    }
    Json* const place = add(std::move(container));
    if (place == nullptr) return false;
    open_.push_back(place);
    return true;
  }

  bool close() {
    open_.pop_back();
    return finish_value();
  }

  /// A value is complete; gives it away where it is an element that somebody takes.
  bool finish_value() {
    if (open_.size() != 2 || open_.back() != taken_member_ || !taken_member_->is_array()) return true;
    auto& array = open_.back()->get_ref<Json::array_t&>();
    Json element = std::move(array.back());
    array.pop_back();
    taken_ = elements_->take(std::move(element));
    return taken_.has_value();
  }

  const JsonLimits limits_;
  const JsonElements* const elements_;
  const Json* taken_member_ = nullptr;  // the member of the root whose elements are taken, once it is there
  Status taken_;
  Json root_;
  std::vector<Json*> open_;  // the containers that the parser is inside of, outermost first
  Json* member_ = nullptr;   // where the value of the key that was read last goes
  std::size_t values_ = 0;
  std::string reason_;
};

/// What nlohmann's parser would let pass, or would explain badly.
std::optional<std::string> find_refusal(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return fmt::format("{} bytes, more than the limit of {}", text.size(), limits.max_bytes);
  }
  const std::string_view content = trim(text);
  if (content.empty()) return "empty, where a JSON document is expected";
  if (content.front() == '<') return "the answer is HTML, not JSON (a proxy or a login page?)";
  if (text.starts_with("\xEF\xBB\xBF")) return "begins with a byte-order mark, which JSON does not allow";
  // nlohmann takes a NUL for the end of the document: what follows would be hidden from every check.
  if (text.find('\0') != std::string_view::npos) return "holds a NUL byte, which JSON does not allow";
  return std::nullopt;
}

Result<Json> parse(std::string_view text, std::string_view what, const JsonLimits& limits,
                   const JsonElements* elements) {
  const auto refuse = [&](std::string_view reason) {
    return fail(ErrorCode::kProtocol, fmt::format("{}: {}", what, reason));
  };
  if (const auto refusal = find_refusal(text, limits)) return refuse(*refusal);
  try {
    TreeBuilder builder(limits, elements);
    const bool is_whole = Json::sax_parse(text.begin(), text.end(), &builder);
    FL_CHECK(builder.taken());
    if (!is_whole) return refuse(builder.reason());
    return builder.take_root();
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, fmt::format("{}: parsing JSON failed: {}", what, error.what()));
  }
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits) {
  return parse(text, what, limits, nullptr);
}

Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits,
                        const JsonElements& elements) {
  return parse(text, what, limits, &elements);
}

}  // namespace freightliner::oci
