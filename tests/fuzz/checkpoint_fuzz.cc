// The input is a journal. Where its first byte is "+", that byte is taken away and each whole line gets its right check
// sum, since nothing behind a wrong one is ever read.

#include <variant>

#include "freightliner/io/hasher.h"
#include "freightliner/oci/reference.h"
#include "fuzz_target.h"
#include "replicate/checkpoint_format.h"

using namespace freightliner;

namespace {

std::string with_sums(std::string_view text) {
  std::string journal;
  for (;;) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return journal += text;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.ends_with('}')) line.remove_suffix(1);
    journal += line;
    journal += ",\"sum\":\"" + io::digest_of(line).hex().substr(0, 16) + "\"}\n";
  }
}

void check_names(const replicate::CheckpointEntry& entry) {
  fuzz::require(oci::is_valid_repository(entry.repository) && oci::is_valid_tag(entry.tag), "names are names");
}

void check_names(const replicate::UploadEntry& entry) {
  fuzz::require(oci::is_valid_repository(entry.repository), "a name is a name");
  fuzz::require(!entry.session || replicate::is_notable(entry.session->upload.location),
                "a location can be noted again");
}

std::string text_of_entry(const replicate::JournalEntry& entry) {
  return std::visit([](const auto& what) { return replicate::journal_line(what); }, entry);
}

void check_journal(const std::string& journal) {
  const io::UniqueFd file = fuzz::in_memory(journal);
  replicate::JournalReader reader(file, "fuzz.journal");
  const auto header = reader.header();
  if (!header) {
    fuzz::require(fuzz::is_harmless(header.error().describe()), "an error shows no control characters");
    return;
  }
  std::string copy(reader.line());
  for (;;) {
    const auto entry = reader.next();
    if (!entry) {
      fuzz::require(fuzz::is_harmless(entry.error().describe()), "an error shows no control characters");
      return;
    }
    if (!*entry) break;
    copy += reader.line();
    std::visit([](const auto& what) { check_names(what); }, **entry);
    // What a run writes of an entry means the same.
    const std::string line = text_of_entry(**entry);
    const io::UniqueFd again = fuzz::in_memory(replicate::journal_line(*header) + line);
    replicate::JournalReader second(again, "again.journal");
    const auto same_header = second.header();
    fuzz::require(same_header && same_header->source == header->source && same_header->created == header->created,
                  "a header is read as it is written");
    const auto same = second.next();
    fuzz::require(same && *same && text_of_entry(**same) == line, "an entry is read as it is written");
  }
  fuzz::require(reader.end() == copy.size() && journal.starts_with(copy), "the whole lines are those that were read");
  fuzz::require(reader.torn() == (journal.size() > copy.size()), "what is behind them is a torn line");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_journal(text.starts_with('+') ? with_sums(text.substr(1)) : std::string(text));
  return 0;
}
