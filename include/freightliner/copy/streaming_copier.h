#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "freightliner/copy/copier.h"

namespace freightliner::copy {

/// The two ends of one copy.
struct ImagePair {
  std::unique_ptr<transport::ImageSource> source;
  std::unique_ptr<transport::ImageDestination> destination;
};

/// What a destination shares with others of a stream.
struct DestinationStore {
  /// Destinations of one name share a ledger, so that a blob comes there once: the registry, or a layout's path.
  std::string name = {};
  /// Only one copy at a time may write there, and it starts from what it finds: an archive, which is written anew.
  bool one_at_a_time = false;
  /// To look there costs nothing, and whoever asked for a copy may take it away once it is done: what is known of the
  /// store is forgotten while no copy to it is under way. A file or a directory.
  bool is_local = false;
};

/// One copy that is asked for. A value; what `open` refers to outlives its result.
struct StreamRequest {
  /// Stands in the result. Unique among the requests that are under way.
  std::uint64_t id = 0;
  /// Opens both ends; called once, in the worker that copies. Its error is the copy's.
  std::function<Result<ImagePair>()> open;
  DestinationStore store = {};
  CopyOptions options = {};
  /// How long it may take from when a worker takes it up; 0: no limit.
  Duration timeout{0};
};

/// What became of one request.
struct StreamResult {
  std::uint64_t id = 0;
  /// Errors: as Copier::copy() and `open`; kCancelled where the stream or the request was stopped, kTemporary where its
  /// time has passed.
  Result<CopyReport> outcome;
  Duration duration{0};  ///< from when a worker took it up
};

struct StreamOptions {
  /// Bytes per chunk of all transfers of this stream; 0: as the services say, which may adapt it.
  std::size_t buffer_size = 0;
};

/// Copies a stream of images: requests go in, and each gives exactly one result, in the order in which they end. One
/// that fails stops no other. All run on the Copier with the services that they share: slots, bandwidth, memory and,
/// for destinations of one store, the ledger, so that what several images have in common moves once.
///
/// Back-pressure: accept() waits while all workers are busy; a worker waits for memory at the governor, blob by blob;
/// and it waits for the sink. So neither requests nor results pile up.
///
/// Threads: accept() and drain() from one thread, which is none of the pool's; cancel() from any. The sink is called in
/// the workers, one call at a time; it must not throw and may call cancel(), but neither accept() nor drain(). What the
/// services refer to, the sink's captures and what the requests refer to outlive the copier, whose destructor waits for
/// all that was accepted.
class StreamingCopier {
 public:
  using Sink = std::function<void(StreamResult&& result)>;

  /// `stop` ends the stream: nothing more is accepted, and what is under way fails with kCancelled. The services' own
  /// ledgers are not used.
  StreamingCopier(const CopyServices& services, const StreamOptions& options, Sink sink, std::stop_token stop);
  ~StreamingCopier();
  StreamingCopier(const StreamingCopier&) = delete;
  StreamingCopier& operator=(const StreamingCopier&) = delete;

  /// Waits until a worker is free for it. Errors, without a result then: kCancelled once the stream is stopped; kUsage
  /// for the id of one that is under way.
  Status accept(StreamRequest request);
  /// Stops one request; its result tells kCancelled, unless it was through. False where none of that id is under way.
  bool cancel(std::uint64_t id);
  /// Waits until the sink has had the results of all that was accepted.
  void drain();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::copy
