#include "freightliner/replicate/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "freightliner/base/guarded.h"
#include "freightliner/base/text.h"
#include "freightliner/io/hasher.h"
#include "freightliner/oci/reference.h"
#include "freightliner/runtime/temporary_file.h"
#include "replicate/checkpoint_format.h"
#include "replicate/local_file.h"
#include "replicate/saved_uploads.h"
#include "replicate/text_buffer.h"

namespace freightliner::replicate {
namespace {

using std::chrono::system_clock;

constexpr Duration kSyncInterval = std::chrono::seconds(1);
// Locations of uploads are secrets.
constexpr mode_t kMode = 0600;
// distribution drops an upload that is older (its "uploadpurging"), others do earlier.
constexpr Duration kUploadLife = std::chrono::hours(24 * 7);
constexpr std::size_t kMaxName = 8 * kKiB;

struct Finished {
  oci::Digest digest;
  system_clock::time_point time;
};
/// By repository, then by tag: a repository's name stands in memory once.
using FinishedTags = std::unordered_map<std::string, std::unordered_map<std::string, Finished>>;

const Finished* find(const FinishedTags& tags, const std::string& repository, const std::string& tag) {
  const auto of_repository = tags.find(repository);
  if (of_repository == tags.end()) return nullptr;
  const auto found = of_repository->second.find(tag);
  return found == of_repository->second.end() ? nullptr : &found->second;
}

// printable(): a path need not be UTF-8, and must be the same text when it is read again.
JournalHeader header_of(const CheckpointBinding& binding, system_clock::time_point now) {
  return {.source = printable(binding.source, kMaxName),
          .destination = printable(binding.destination, kMaxName),
          .selection_digest = io::digest_of(binding.selection).to_string(),
          .created = now};
}

Status check_binding(const JournalHeader& found, const JournalHeader& wanted, const std::string& shown) {
  std::string difference;
  if (found.source != wanted.source) {
    difference = fmt::format("its source is {}, not {}", printable(found.source), wanted.source);
  } else if (found.destination != wanted.destination) {
    difference = fmt::format("its destination is {}, not {}", printable(found.destination), wanted.destination);
  } else if (found.selection_digest != wanted.selection_digest) {
    difference = "its filters, platforms, mapping or other options that select are not this run's";
  } else {
    return {};
  }
  return fail(
      ErrorCode::kUsage,
      fmt::format("the checkpoint {} belongs to another job: {}; give each job a file of its own, or remove this "
                  "one with \"freightliner checkpoint clear {}\"",
                  shown, difference, shown));
}

Result<io::UniqueFd> lock_journal(const LocalName& place, std::optional<mode_t> create) {
  FL_TRY(LockAttempt attempt, try_lock(place, create));
  if (attempt.held) return std::move(attempt.file);
  return fail(ErrorCode::kLocked,
              fmt::format("another run has the checkpoint {} open: wait until it has ended, or give "
                          "each job a file of its own",
                          place.shown));
}

Error no_checkpoint(const LocalName& place) {
  return Error(ErrorCode::kNotFound, fmt::format("there is no checkpoint {}", place.shown));
}

/// Puts a new journal in the place of one that is locked by us, and returns it open and locked. It is locked before it
/// has its name, so there is no moment at which another run could take the name's lock; who waits at the old file
/// finds, once we close that, that it has no name any more (try_lock()).
Result<io::UniqueFd> replace_journal(runtime::CleanupRegistry& cleanups, const LocalName& place,
                                     const std::function<Status(TextBuffer&)>& fill) {
  io::remove_stale_temporaries_of(place.directory, place.name);
  FL_TRY(runtime::TemporaryFile file,
         runtime::TemporaryFile::create(cleanups, place.directory, place.name, {.mode = kMode}));
  io::UniqueFd locked(fcntl(file.file().get(), F_DUPFD_CLOEXEC, 0));
  if (!locked || flock(locked.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(io::errno_error(errno, "lock a new " + place.shown));
  }
  TextBuffer buffer([&](std::string_view text) { return file.write(as_bytes(text)); });
  FL_CHECK(fill(buffer));
  FL_CHECK(buffer.flush());
  FL_CHECK(file.commit());
  return locked;
}

/// What other users can do to a file.
struct Exposure {
  bool any = false;    ///< read it, or let others read it
  bool write = false;  ///< put something of their own into it
};

Result<Exposure> exposure_of(const io::UniqueFd& file, const std::string& shown) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return fail(io::errno_error(errno, "look at " + shown));
  const bool foreign = status.st_uid != geteuid();
  return Exposure{.any = foreign || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0,
                  .write = foreign || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0};
}

/// What stands in a journal, for a run that goes on with it.
struct Loaded {
  FinishedTags tags;
  SavedUploads uploads;
  int format = kJournalFormat;
  std::uint64_t lines = 0;    ///< entries, also those that are too old or were followed by a newer one
  std::uint64_t current = 0;  ///< entries in `tags` and `uploads`
  std::uint64_t end = 0;      ///< of the last whole line
  bool torn = false;
};

}  // namespace

class Checkpoint::Impl {
 public:
  Impl(runtime::CleanupRegistry& cleanups, std::string shown, Duration ttl, Clock& clock, Logger log)
      : cleanups_(cleanups), shown_(std::move(shown)), ttl_(ttl), clock_(clock), log_(log) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  /// Reads a journal that is locked, or starts one where the file is empty.
  Status load(const LocalName& place, io::UniqueFd file, const JournalHeader& wanted);
  std::optional<oci::Digest> finished(const std::string& repository, const std::string& tag) const;
  Status record(CheckpointEntry entry);
  std::optional<registry::SavedUpload> take(const std::string& repository, const oci::Descriptor& blob);
  Status record(UploadEntry entry);

 private:
  struct State {
    FinishedTags tags;
    SavedUploads uploads;         // of earlier runs
    std::uint64_t end = 0;        // of the journal
    TimePoint synced;             // when lines were last made durable
    bool dirty = false;           // lines were written since
    std::optional<Error> broken;  // why nothing can be appended any more
  };

  bool is_fresh(system_clock::time_point time, Duration life) const;
  Result<Loaded> read(const io::UniqueFd& file, const JournalHeader& wanted) const;
  void distrust(Loaded& loaded) const;
  Status copy_current(const io::UniqueFd& from, const Loaded& loaded, TextBuffer& to) const;
  Result<bool> append(State& state, const std::string& line);
  Status sync();

  runtime::CleanupRegistry& cleanups_;
  std::string shown_;
  Duration ttl_;
  Clock& clock_;
  Logger log_;
  io::UniqueFd file_;  // set by load()
  Guarded<State> state_;
  runtime::CleanupRegistry::Registration release_;  // of file_
};

Checkpoint::Impl::~Impl() {
  // Nobody is left who could be told of a failure, and what it costs is two requests for each line.
  if (file_ && state_.with([](const State& state) { return state.dirty && !state.broken; })) {
    static_cast<void>(fdatasync(file_.get()));
  }
}

// What a clock that was set back since has written counts as old, too: nobody can tell its age.
bool Checkpoint::Impl::is_fresh(system_clock::time_point time, Duration life) const {
  const auto age = std::chrono::floor<Duration>(clock_.wall_time() - time);
  return age >= Duration(0) && age <= life;
}

Result<Loaded> Checkpoint::Impl::read(const io::UniqueFd& file, const JournalHeader& wanted) const {
  JournalReader reader(file, shown_);
  FL_TRY(const JournalHeader header, reader.header());
  FL_CHECK(check_binding(header, wanted, shown_));
  Loaded loaded;
  loaded.format = header.format;
  for (;;) {
    FL_TRY(std::optional<JournalEntry> line, reader.next());
    if (!line) break;
    ++loaded.lines;
    if (auto* const upload = std::get_if<UploadEntry>(&*line)) {
      const bool fresh = is_fresh(upload->time, kUploadLife);
      loaded.current += loaded.uploads.apply(std::move(*upload), fresh);
      continue;
    }
    auto* const entry = &std::get<CheckpointEntry>(*line);
    auto& tags = loaded.tags[entry->repository];
    if (is_fresh(entry->finished, ttl_)) {
      const Finished latest{entry->digest, entry->finished};
      loaded.current += tags.insert_or_assign(std::move(entry->tag), latest).second ? 1 : 0;
    } else {
      loaded.current -= tags.erase(entry->tag);
    }
  }
  loaded.end = reader.end();
  loaded.torn = reader.torn();
  return loaded;
}

// In a second pass, so that the lines keep their order and the journal is never in memory as a whole.
Status Checkpoint::Impl::copy_current(const io::UniqueFd& from, const Loaded& loaded, TextBuffer& to) const {
  const auto is_current = [&loaded](const JournalEntry& line) {
    if (const auto* const upload = std::get_if<UploadEntry>(&line)) return loaded.uploads.holds(*upload);
    const auto& entry = std::get<CheckpointEntry>(line);
    const Finished* const latest = find(loaded.tags, entry.repository, entry.tag);
    return latest != nullptr && latest->time == entry.finished && latest->digest == entry.digest;
  };
  JournalReader reader(from, shown_);
  FL_TRY(const JournalHeader header, reader.header());
  FL_CHECK(to.append(journal_line(header)));  // of today's format
  for (;;) {
    FL_TRY(const std::optional<JournalEntry> line, reader.next());
    if (!line) return {};
    if (is_current(*line)) FL_CHECK(to.append(reader.line()));
  }
}

// Nobody else may say which tags need no look, or, with a Location, where blobs are sent to. It is read all the same:
// only a journal of this job may be replaced.
void Checkpoint::Impl::distrust(Loaded& loaded) const {
  loaded.tags.clear();
  loaded.uploads = SavedUploads();
  log_.warn("other users could have written to the checkpoint {}: what it says is not used, and it is begun anew",
            shown_);
}

Status Checkpoint::Impl::load(const LocalName& place, io::UniqueFd file, const JournalHeader& wanted) {
  FL_TRY(std::uint64_t size, io::file_size(file));
  Loaded loaded;
  if (size == 0) {
    // A run that was killed before its header had the name leaves an empty file.
    FL_TRY(file_, replace_journal(cleanups_, place, [&](TextBuffer& to) { return to.append(journal_line(wanted)); }));
    FL_TRY(loaded.end, io::file_size(file_));
  } else {
    FL_TRY(loaded, read(file, wanted));
    FL_TRY(const Exposure exposure, exposure_of(file, shown_));
    if (exposure.write) distrust(loaded);
    if (exposure.any || loaded.format != kJournalFormat || (loaded.lines - loaded.current) * 2 > loaded.lines) {
      FL_TRY(file_, replace_journal(cleanups_, place, [&](TextBuffer& to) { return copy_current(file, loaded, to); }));
      FL_TRY(loaded.end, io::file_size(file_));
    } else {
      file_ = std::move(file);
      if (loaded.torn && ftruncate(file_.get(), static_cast<off_t>(loaded.end)) != 0) {
        return fail(io::errno_error(errno, "remove the torn last line of " + shown_));
      }
    }
  }
  release_ = register_lock(cleanups_, place, file_);
  state_.with([&](State& state) {
    state.tags = std::move(loaded.tags);
    state.uploads = std::move(loaded.uploads);
    state.end = loaded.end;
    state.synced = clock_.now();
  });
  return {};
}

std::optional<oci::Digest> Checkpoint::Impl::finished(const std::string& repository, const std::string& tag) const {
  const auto found = state_.with([&](const State& state) {
    const Finished* const latest = find(state.tags, repository, tag);
    return latest == nullptr ? std::nullopt : std::optional(*latest);
  });
  return found && is_fresh(found->time, ttl_) ? std::optional(found->digest) : std::nullopt;
}

// True where the lines that were written since the last time are to be made durable now.
Result<bool> Checkpoint::Impl::append(State& state, const std::string& line) {
  if (state.broken) return fail(*state.broken);
  ssize_t count = 0;
  do {
    count = pwrite(file_.get(), line.data(), line.size(), static_cast<off_t>(state.end));
  } while (count < 0 && errno == EINTR);
  if (count != static_cast<ssize_t>(line.size())) {
    // A short count is a disk that has filled up.
    Error error = io::errno_error(count < 0 ? errno : ENOSPC, "append to the checkpoint " + shown_);
    // Whatever is written next must not stand behind half a line.
    if (ftruncate(file_.get(), static_cast<off_t>(state.end)) != 0) state.broken = error;
    return fail(std::move(error));
  }
  state.end += line.size();
  state.dirty = true;
  const TimePoint now = clock_.now();
  if (now - state.synced < kSyncInterval) return false;
  state.synced = now;
  state.dirty = false;
  return true;
}

Status Checkpoint::Impl::sync() {
  if (fdatasync(file_.get()) == 0) return {};
  // Never tried again: the kernel may have dropped the lines, and a second fdatasync would succeed (see AtomicFile).
  Error error = io::errno_error(errno, "sync the checkpoint " + shown_);
  state_.with([&](State& state) { state.broken = error; });
  return fail(std::move(error));
}

Status Checkpoint::Impl::record(CheckpointEntry entry) {
  // What is not checked here would make a journal that can't be read again.
  if (!oci::is_valid_repository(entry.repository) || !oci::is_valid_tag(entry.tag)) {
    return fail(ErrorCode::kInternal, fmt::format("{}:{} is no name that a checkpoint can hold",
                                                  printable(entry.repository), printable(entry.tag)));
  }
  entry.finished = clock_.wall_time();
  const std::string line = journal_line(entry);
  FL_TRY(const bool due, state_.with([&](State& state) -> Result<bool> {
    FL_TRY(const bool sync_now, append(state, line));
    state.tags[entry.repository].insert_or_assign(entry.tag, Finished{entry.digest, entry.finished});
    return sync_now;
  }));
  return due ? sync() : Status();
}

std::optional<registry::SavedUpload> Checkpoint::Impl::take(const std::string& repository,
                                                            const oci::Descriptor& blob) {
  return state_.with([&](State& state) { return state.uploads.take(repository, blob); });
}

Status Checkpoint::Impl::record(UploadEntry entry) {
  if (!oci::is_valid_repository(entry.repository)) {
    return fail(ErrorCode::kInternal,
                fmt::format("{} is no name that a checkpoint can hold", printable(entry.repository)));
  }
  entry.time = clock_.wall_time();
  const std::string line = journal_line(entry);
  FL_TRY(const bool due, state_.with([&](State& state) { return append(state, line); }));
  return due ? sync() : Status();
}

Checkpoint::Checkpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Checkpoint::~Checkpoint() = default;

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(runtime::CleanupRegistry& cleanups,
                                                     const std::filesystem::path& path,
                                                     const CheckpointBinding& binding, Duration ttl, Clock& clock,
                                                     Logger log) {
  FL_TRY(const LocalName place, locate(path));
  FL_TRY(io::UniqueFd file, lock_journal(place, kMode));
  auto impl = std::make_unique<Impl>(cleanups, place.shown, ttl, clock, log);
  FL_CHECK(impl->load(place, std::move(file), header_of(binding, clock.wall_time())));
  return std::unique_ptr<Checkpoint>(new Checkpoint(std::move(impl)));
}

std::optional<oci::Digest> Checkpoint::finished(const std::string& repository, const std::string& tag) const {
  return impl_->finished(repository, tag);
}

Status Checkpoint::record(const std::string& repository, const std::string& tag, const oci::Digest& digest) {
  return impl_->record(CheckpointEntry{repository, tag, digest, {}});
}

std::optional<registry::SavedUpload> Checkpoint::take(const std::string& repository, const oci::Descriptor& blob) {
  return impl_->take(repository, blob);
}

Status Checkpoint::note(const std::string& repository, const oci::Descriptor& blob,
                        const registry::SavedUpload& upload) {
  // One that could not be read again as it is costs an upload from its start, not the journal.
  if (!is_notable(upload.location)) return {};
  return impl_->record(UploadEntry{repository, blob.digest, UploadEntry::Session{blob.size, upload}, {}});
}

Status Checkpoint::ended(const std::string& repository, const oci::Digest& digest) {
  return impl_->record(UploadEntry{repository, digest, std::nullopt, {}});
}

Result<CheckpointContents> read_checkpoint(const std::filesystem::path& path) {
  FL_TRY(const LocalName place, locate(path));
  FL_TRY(const std::optional<io::UniqueFd> file, place.directory.open_file(place.name));
  if (!file) return fail(no_checkpoint(place));
  JournalReader reader(*file, place.shown);
  FL_TRY(JournalHeader header, reader.header());
  CheckpointContents result{std::move(header.source), std::move(header.destination), std::move(header.selection_digest),
                            header.created};
  SavedUploads uploads;
  for (;;) {
    FL_TRY(std::optional<JournalEntry> line, reader.next());
    if (!line) break;
    if (auto* const upload = std::get_if<UploadEntry>(&*line)) {
      uploads.apply(std::move(*upload), true);
    } else {
      result.entries.push_back(std::get<CheckpointEntry>(*std::move(line)));
    }
  }
  result.uploads = uploads.list();
  result.torn = reader.torn();
  // From the back, the first of each tag is its newest.
  std::unordered_set<std::string> seen;
  std::vector<CheckpointEntry>& entries = result.entries;
  const auto older = [&](const CheckpointEntry& entry) {
    return !seen.insert(fmt::format("{}:{}", entry.repository, entry.tag)).second;
  };
  std::ranges::reverse(entries);
  std::erase_if(entries, older);
  std::ranges::reverse(entries);
  return result;
}

Status clear_checkpoint(const std::filesystem::path& path) {
  FL_TRY(const LocalName place, locate(path));
  const auto file = lock_journal(place, std::nullopt);
  if (!file) return fail(file.error().code() == ErrorCode::kNotFound ? no_checkpoint(place) : file.error());
  // Its beginning is enough: a damaged journal is one of the reasons to clear it.
  std::string start(kJournalMark.size(), '\0');
  FL_TRY(const std::size_t count, io::read_at(*file, 0, std::as_writable_bytes(std::span(start))));
  if (count != 0 && start != kJournalMark) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{} is no checkpoint of freightliner: it was not removed", place.shown));
  }
  if (unlinkat(place.directory.fd(), place.name.c_str(), 0) != 0) {
    return fail(io::errno_error(errno, "remove " + place.shown));
  }
  return place.directory.sync();
}

}  // namespace freightliner::replicate
