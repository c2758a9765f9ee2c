#include "replicate/checkpoint_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "freightliner/base/date.h"
#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"
#include "replicate/json_text.h"

namespace freightliner::replicate {
namespace {

constexpr int kOldestFormat = 1;
constexpr std::size_t kSumDigits = 16;
// The end of each line: ,"sum":"0123456789abcdef"}
constexpr std::string_view kSumBefore = R"(,"sum":")";
constexpr std::string_view kSumAfter = R"("})";
constexpr std::size_t kSumSize = kSumBefore.size() + kSumDigits + kSumAfter.size();
// A tag has at most 700 bytes, a header two names of 8 KiB and an upload a Location of 16 KiB, which escapes make
// longer.
constexpr std::size_t kMaxLine = 128 * kKiB;
constexpr std::size_t kReadStep = 64 * kKiB;
constexpr oci::JsonLimits kLineLimits = {.max_bytes = kMaxLine, .max_depth = 4, .max_values = 64};

std::string with_sum(const OrderedJson& members) {
  std::string text = json_text(members);
  text.pop_back();  // the closing brace
  const std::string sum = io::digest_of(text).hex().substr(0, kSumDigits);
  return fmt::format("{}{}{}{}\n", text, kSumBefore, sum, kSumAfter);
}

const std::string* text_member(const oci::Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

std::optional<std::uint64_t> number_member(const oci::Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

std::string what_to_do(const std::string& shown) {
  return fmt::format("\"freightliner checkpoint clear {}\" removes it; what it holds is only found out again", shown);
}

}  // namespace

std::string journal_line(const JournalHeader& header) {
  return with_sum({{"freightliner_checkpoint", kJournalFormat},
                   {"source", header.source},
                   {"destination", header.destination},
                   {"selection", header.selection_digest},
                   {"created", date_text(header.created)}});
}

std::string journal_line(const CheckpointEntry& entry) {
  return with_sum({{"repository", entry.repository},
                   {"tag", entry.tag},
                   {"digest", entry.digest.to_string()},
                   {"finished", date_text(entry.finished)}});
}

std::string journal_line(const UploadEntry& entry) {
  OrderedJson members = {{"upload", entry.digest.to_string()}, {"repository", entry.repository}};
  if (entry.session) {
    members["size"] = entry.session->size;
    members["offset"] = entry.session->upload.offset;
    members["reach"] = entry.session->upload.reach;
    members["location"] = entry.session->upload.location;
  }
  members[entry.session ? "noted" : "ended"] = date_text(entry.time);
  return with_sum(members);
}

bool is_notable(std::string_view location) noexcept {
  return !location.empty() && location.size() <= kMaxNotedLocation &&
         std::ranges::all_of(location, [](char c) { return c > ' ' && c < '\x7f'; });
}

Error JournalReader::damage(std::string_view reason) const {
  return Error(ErrorCode::kIntegrity, fmt::format("line {} of the checkpoint {} is damaged: {}; {}", number_, shown_,
                                                  reason, what_to_do(shown_)));
}

Result<bool> JournalReader::read_line() {
  ++number_;
  std::size_t searched = position_;
  for (;;) {
    if (const auto newline = buffer_.find('\n', searched); newline != std::string::npos) {
      line_ = std::string_view(buffer_).substr(position_, newline + 1 - position_);
      end_ += line_.size();
      position_ = newline + 1;
      return true;
    }
    if (buffer_.size() - position_ > kMaxLine) return fail(damage("it does not end"));
    buffer_.erase(0, position_);
    position_ = 0;
    searched = buffer_.size();
    buffer_.resize(searched + kReadStep);
    auto count = io::read_at(file_, offset_, std::as_writable_bytes(std::span(buffer_)).subspan(searched));
    buffer_.resize(searched + (count ? *count : 0));
    if (!count) return fail(std::move(count).error().with_context(shown_));
    offset_ += *count;
    if (*count > 0) continue;
    torn_ = !buffer_.empty();
    return false;
  }
}

Result<oci::Json> JournalReader::members() {
  std::string_view text = line_.substr(0, line_.size() - 1);
  if (text.size() <= kSumSize || !text.ends_with(kSumAfter) ||
      text.substr(text.size() - kSumSize, kSumBefore.size()) != kSumBefore) {
    return fail(damage("it has no check sum"));
  }
  const std::string_view sum = text.substr(text.size() - kSumSize + kSumBefore.size(), kSumDigits);
  text.remove_suffix(kSumSize);
  hasher_.reset();
  hasher_.update(as_bytes(text));
  if (hasher_.finish().hex().compare(0, kSumDigits, sum) != 0) return fail(damage("its check sum is another"));
  auto object = oci::parse_json(std::string(text) + "}", "the line", kLineLimits);
  if (!object) return fail(damage(object.error().message()));
  if (!object->is_object()) return fail(damage("it is no JSON object"));
  return *std::move(object);
}

Result<JournalHeader> JournalReader::header() {
  const auto whole = read_line();
  if (!whole && whole.error().code() != ErrorCode::kIntegrity) return fail(whole.error());
  const bool has_line = whole && *whole;
  if (whole && !has_line) return fail(ErrorCode::kIntegrity, fmt::format("{} is empty: no run has begun it", shown_));
  if (!(has_line ? line_ : std::string_view(buffer_)).starts_with(kJournalMark)) {
    return fail(ErrorCode::kIntegrity, fmt::format("{} is no checkpoint of freightliner: name another file", shown_));
  }
  if (!has_line) return fail(damage("it does not end"));
  FL_TRY(const oci::Json object, members());
  const oci::Json& format = *object.find("freightliner_checkpoint");
  if (format != kOldestFormat && format != kJournalFormat) {
    return fail(ErrorCode::kUsage,
                fmt::format("the checkpoint {} has the format {}, and this version of freightliner reads formats {} to "
                            "{}; {}",
                            shown_, printable(format.dump(), 64), kOldestFormat, kJournalFormat, what_to_do(shown_)));
  }
  const std::string* source = text_member(object, "source");
  const std::string* destination = text_member(object, "destination");
  const std::string* selection = text_member(object, "selection");
  const std::string* created = text_member(object, "created");
  if (source == nullptr || destination == nullptr || selection == nullptr || created == nullptr) {
    return fail(damage("a member is missing"));
  }
  const auto time = parse_date(*created);
  if (!time) return fail(damage("\"created\" is no time"));
  return JournalHeader{format.get<int>(), *source, *destination, *selection, *time};
}

Result<CheckpointEntry> JournalReader::tag_entry(const oci::Json& object) const {
  const std::string* repository = text_member(object, "repository");
  const std::string* tag = text_member(object, "tag");
  const std::string* digest_text = text_member(object, "digest");
  const std::string* finished = text_member(object, "finished");
  if (repository == nullptr || tag == nullptr || digest_text == nullptr || finished == nullptr) {
    return fail(damage("a member is missing"));
  }
  if (!oci::is_valid_repository(*repository)) return fail(damage("\"repository\" is no repository name"));
  if (!oci::is_valid_tag(*tag)) return fail(damage("\"tag\" is no tag"));
  auto digest = oci::Digest::parse(*digest_text);
  if (!digest) return fail(damage("\"digest\" is no digest"));
  const auto time = parse_date(*finished);
  if (!time) return fail(damage("\"finished\" is no time"));
  return CheckpointEntry{*repository, *tag, *std::move(digest), *time};
}

Result<UploadEntry> JournalReader::upload_entry(const oci::Json& object) const {
  const std::string* upload = text_member(object, "upload");
  const std::string* repository = text_member(object, "repository");
  const std::string* ended = text_member(object, "ended");
  const std::string* when = ended == nullptr ? text_member(object, "noted") : ended;
  if (upload == nullptr || repository == nullptr || when == nullptr) return fail(damage("a member is missing"));
  if (!oci::is_valid_repository(*repository)) return fail(damage("\"repository\" is no repository name"));
  auto digest = oci::Digest::parse(*upload);
  if (!digest) return fail(damage("\"upload\" is no digest"));
  const auto time = parse_date(*when);
  if (!time) return fail(damage(ended == nullptr ? "\"noted\" is no time" : "\"ended\" is no time"));
  UploadEntry entry{*repository, *std::move(digest), std::nullopt, *time};
  if (ended != nullptr) return entry;
  const auto size = number_member(object, "size");
  const auto offset = number_member(object, "offset");
  const auto reach = number_member(object, "reach");
  const std::string* location = text_member(object, "location");
  if (!size || !offset || !reach || location == nullptr) return fail(damage("a member is missing"));
  if (*offset > *reach || *reach > *size) return fail(damage("its numbers of bytes contradict each other"));
  if (!is_notable(*location)) return fail(damage("\"location\" is no Location"));
  entry.session = UploadEntry::Session{*size, {*location, *offset, *reach}};
  return entry;
}

Result<std::optional<JournalEntry>> JournalReader::next() {
  FL_TRY(const bool whole, read_line());
  if (!whole) return std::optional<JournalEntry>();
  FL_TRY(const oci::Json object, members());
  if (object.contains("upload")) {
    FL_TRY(UploadEntry entry, upload_entry(object));
    return std::optional<JournalEntry>(std::move(entry));
  }
  FL_TRY(CheckpointEntry entry, tag_entry(object));
  return std::optional<JournalEntry>(std::move(entry));
}

}  // namespace freightliner::replicate
