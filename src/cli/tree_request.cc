#include "cli/tree_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/copy_request.h"
#include "cli/run_credentials.h"
#include "cli/run_files.h"
#include "cli/voice.h"
#include "freightliner/base/date.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"

namespace freightliner::cli {
namespace {

constexpr std::size_t kMaxReposFile = 64 * kMiB;
constexpr std::string_view kStandardInputFile = "/dev/stdin";

// What makes two runs select, or write, something else.
constexpr std::array<std::string_view, 18> kSelectingOptions = {
    "repo",        "repos-file",       "map",           "include-repo", "exclude-repo",  "include-tag",
    "exclude-tag", "skip-digest-tags", "latest",        "latest-by",    "newer-than",    "platform",
    "referrers",   "overwrite",        "immutable-tag", "delete-extra", "fail-on-empty", "recompress"};

Result<transport::TreeName> parse_side(const std::string& text, std::string_view role) {
  auto name = transport::TreeName::parse(text);
  if (!name) return fail(std::move(name).error().with_context(std::string(role)));
  return name;
}

Status parse_operands(const TreeRequestInput& input, TreeRequest& request) {
  if (input.operands.size() != 2) {
    return fail(
        ErrorCode::kUsage,
        fmt::format("SRC and DST are needed, and {} given; see --help",
                    input.operands.size() == 1 ? "only one was" : fmt::format("{} were", input.operands.size())));
  }
  FL_TRY(request.source, parse_side(input.operands[0], "SRC"));
  FL_TRY(request.destination, parse_side(input.operands[1], "DST"));
  const std::optional<std::string> inside = request.destination.place_in(request.source);
  if (inside == request.source.prefix && !input.settings.has("map")) {
    return fail(ErrorCode::kUsage,
                fmt::format("SRC and DST are the same place, {}", printable(input.operands[0], 256)));
  }
  if (inside && !request.source.is_registry()) {
    return fail(ErrorCode::kUsage, fmt::format("DST, {}, is a directory inside SRC: the next run would copy the copies",
                                               printable(request.destination.directory.string(), 4096)));
  }
  for (const auto* const name : {&request.source, &request.destination}) {
    FL_CHECK(require_apart(input.settings, *name));
  }
  return {};
}

Result<std::vector<std::string>> read_repository_names(const Settings& settings) {
  std::vector<std::string> names = settings.values("repo");
  if (!settings.has("repos-file")) return names;
  const std::string path = settings.text("repos-file");
  auto text = io::read_small_file(path == "-" ? kStandardInputFile : std::string_view(path), kMaxReposFile);
  if (!text) return fail(Error(ErrorCode::kUsage, text.error().describe()).with_context(settings.where("repos-file")));
  for (const std::string_view line : split(*text, '\n')) {
    const std::string_view name = trim(line.substr(0, line.find('#')));
    if (!name.empty()) names.emplace_back(name);
  }
  if (names.empty())
    return usage_at(settings, "repos-file", fmt::format("{} names no repository", printable(path, 256)));
  return names;
}

template <class T>
Result<T> at(const Settings& settings, std::string_view option, Result<T> result) {
  if (!result) return fail(std::move(result).error().with_context(settings.where(option)));
  return result;
}

Result<replicate::PatternList> read_patterns(const Settings& settings, std::string_view option,
                                             replicate::PatternCache& patterns, replicate::NameKind kind) {
  return at(settings, option, replicate::PatternList::create(patterns, kind, settings.values(option)));
}

Status parse_selection(const Settings& settings, replicate::PatternCache& patterns,
                       std::chrono::system_clock::time_point now, TreeRequest& request) {
  replicate::TreeSelection& selection = request.options.selection;
  FL_TRY(selection.repositories, read_repository_names(settings));
  FL_TRY(selection.repository_filter, read_name_filter(settings, patterns, replicate::NameKind::kRepository));
  FL_TRY(selection.tag_filter, read_name_filter(settings, patterns, replicate::NameKind::kTag));
  FL_TRY(selection.map, at(settings, "map",
                           replicate::RepositoryMap::create(request.source.prefix, request.destination.prefix,
                                                            settings.values("map"))));
  selection.skip_digest_tags = settings.on("skip-digest-tags");
  if (settings.has("latest")) selection.latest = settings.number("latest");
  if (settings.text("latest-by") == "created") selection.latest_by = replicate::LatestBy::kCreated;
  if (settings.has("newer-than")) {
    FL_TRY(selection.newer_than, at(settings, "newer-than", parse_newer_than(settings.text("newer-than"), now)));
  }
  if (selection.latest_by == replicate::LatestBy::kCreated && !selection.latest) {
    return usage_at(settings, "latest-by", "it says how --latest N counts, and there is no --latest");
  }
  request.options.fail_on_empty = settings.on("fail-on-empty");
  return {};
}

Status parse_failed_references(const Settings& settings, TreeRequest& request) {
  if (!settings.has("retry-failed-from")) return {};
  if (request.options.delete_extra) {
    return usage_at(settings, "retry-failed-from", "it copies single tags: leave --delete-extra to a whole run");
  }
  auto read = replicate::read_failed_references(settings.text("retry-failed-from"));
  if (!read) return fail(input_error(std::move(read).error()).with_context(settings.where("retry-failed-from")));
  replicate::FailedReferences failed = *std::move(read);
  if (failed.source != request.source.to_string() || failed.destination != request.destination.to_string()) {
    return usage_at(settings, "retry-failed-from",
                    fmt::format("the report is of a run from {} to {}", printable(failed.source, 256),
                                printable(failed.destination, 256)));
  }
  request.options.only = std::move(failed.references);
  return {};
}

Status parse_run(const Settings& settings, replicate::PatternCache& patterns, TreeRequest& request) {
  FL_CHECK(read_copy_options(settings, request.options.copy));
  FL_TRY(request.options.immutable_tags, read_patterns(settings, "immutable-tag", patterns, replicate::NameKind::kTag));
  request.options.delete_extra = settings.on("delete-extra");
  const copy::CopyOptions& copy = request.options.copy;
  if (request.options.delete_extra && copy.recompress && copy.referrers) {
    return usage_at(settings, "delete-extra",
                    "with --recompress no signature's tag names an image of the destination, and each run would delete "
                    "what --referrers brings: leave one of the three out");
  }
  FL_TRY(request.options.max_deletes, at(settings, "max-deletes", parse_delete_limit(settings.text("max-deletes"))));
  request.options.fail_fast = settings.on("fail-fast");
  FL_CHECK(require_place(settings, "checkpoint"));
  request.checkpoint = settings.text("checkpoint");
  request.checkpoint_ttl = settings.duration("checkpoint-ttl");
  request.lock = settings.text("lock");
  request.lock_wait = settings.duration("lock-wait");
  return {};
}

std::string selection_text_of(const TreeRequest& request, const Settings& settings) {
  std::string text;
  for (const std::string_view option : kSelectingOptions) {
    for (const std::string& value : settings.values(option))
      text += fmt::format("{}={}:{}\n", option, value.size(), value);
  }
  for (const std::string& name : request.options.selection.repositories) text += fmt::format("repository={}\n", name);
  return text;
}

}  // namespace

Result<std::chrono::system_clock::time_point> parse_newer_than(const std::string& text,
                                                               std::chrono::system_clock::time_point now) {
  if (const auto date = parse_date(text)) return *date;
  const auto age = parse_duration(text);
  if (age && text.find_first_not_of("0123456789.") != std::string::npos) return now - *age;
  return fail(ErrorCode::kUsage,
              fmt::format("\"{}\" is neither a date (2026-01-31, 2026-01-31T12:00:00Z) nor a time with "
                          "its unit (30d, 12h)",
                          printable(text, 64)));
}

Result<replicate::DeleteLimit> parse_delete_limit(const std::string& text) {
  const bool share = text.ends_with('%');
  const auto number = parse_number(share ? std::string_view(text).substr(0, text.size() - 1) : std::string_view(text));
  if (!number || (share && *number > 100)) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\" is neither a number of tags (25) nor a share of them (10%)", printable(text, 64)));
  }
  replicate::DeleteLimit limit;
  if (share) {
    limit.share = static_cast<double>(*number) / 100;
  } else {
    limit.count = *number;
  }
  return limit;
}

Result<replicate::NameFilter> read_name_filter(const Settings& settings, replicate::PatternCache& patterns,
                                               replicate::NameKind kind) {
  const bool tags = kind == replicate::NameKind::kTag;
  FL_TRY(auto include, read_patterns(settings, tags ? "include-tag" : "include-repo", patterns, kind));
  FL_TRY(auto exclude, read_patterns(settings, tags ? "exclude-tag" : "exclude-repo", patterns, kind));
  return replicate::NameFilter(std::move(include), std::move(exclude));
}

Result<TreeRequest> make_tree_request(const TreeRequestInput& input, replicate::PatternCache& patterns,
                                      std::chrono::system_clock::time_point now) {
  const Settings& settings = input.settings;
  TreeRequest request;
  const replicate::PatternCache::Statistics before = patterns.statistics();
  FL_CHECK(parse_operands(input, request));
  FL_CHECK(parse_selection(settings, patterns, now, request));
  if (input.command == kCheckCommand) {
    request.deep = settings.on("deep");
  } else {
    FL_CHECK(parse_run(settings, patterns, request));
    request.selection_text = selection_text_of(request, settings);
  }
  const replicate::PatternCache::Statistics after = patterns.statistics();
  request.patterns = {.compiled = after.compiled - before.compiled, .reused = after.reused - before.reused};
  if (input.command == kReplicateTreeCommand) FL_CHECK(parse_failed_references(settings, request));
  request.codec_memory = codec_memory_of(request.options.copy);
  FL_CHECK(read_run_request(settings, input.environment, request));
  const auto side = [](const transport::TreeName& name) {
    return CredentialSide{name.to_string(), name.is_registry()};
  };
  FL_CHECK(
      read_credentials(settings, input.standard_input, {side(request.source), side(request.destination)}, request));
  return request;
}

}  // namespace freightliner::cli
