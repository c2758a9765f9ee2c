// How a large local blob is best read on its way through hash and socket: the product's FileBlobReader against plain
// reads with several buffers and hints, and against a mapping. Client CPU and time per GiB, and the peak of resident
// memory, from a warm and from a cold page cache; every variant in a process of its own, in turn, the median of
// `--rounds`. Prints each as a ratio to the product. Exit 1 where the best other way to read needs less than
// 1/--max-ratio of the product's CPU from a warm cache.

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <stdexcept>
#include <vector>

#include "figures.h"
#include "freightliner/base/bytes.h"
#include "freightliner/io/hasher.h"
#include "process_cost.h"
#include "transport/file_blob_reader.h"

namespace freightliner::bench {
namespace {

struct Job {
  std::string file;
  std::uint64_t size = 0;
  int sink_port = 0;
};

/// What both ends of every variant are: SHA-256, then a loopback connection to a process that throws the bytes away.
class Outlet {
 public:
  explicit Outlet(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(static_cast<std::uint16_t>(port));
    if (connect(socket_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) {
      throw std::runtime_error("can't connect to the sink");
    }
  }
  /// Hashes and sends `piece` bytes at a time.
  void take_by(ByteSpan bytes, std::size_t piece) {
    for (std::size_t done = 0; done < bytes.size(); done += piece)
      take(bytes.subspan(done, std::min(piece, bytes.size() - done)));
  }
  void take(ByteSpan bytes) {
    hasher_.update(bytes);
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("the sink is gone");
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }

 private:
  io::UniqueFd socket_;
  io::Hasher hasher_;
};

/// A process that takes all connections and reads them to their ends.
class Sink {
 public:
  Sink() {
    const io::UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof name;
    auto* generic = reinterpret_cast<sockaddr*>(&name);
    if (bind(listener.get(), generic, length) != 0 || listen(listener.get(), 8) != 0 ||
        getsockname(listener.get(), generic, &length) != 0) {
      throw std::runtime_error("can't listen on loopback");
    }
    port = ntohs(name.sin_port);
    process_ = fork();
    if (process_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // never outlives the benchmark
    std::vector<char> buffer(kMiB);
    for (;;) {
      const io::UniqueFd connection(accept(listener.get(), nullptr, nullptr));
      while (recv(connection.get(), buffer.data(), buffer.size(), 0) > 0) {
      }
    }
  }
  ~Sink() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  int port = 0;

 private:
  pid_t process_ = -1;
};

io::UniqueFd open_file(const Job& job) {
  io::UniqueFd file(open(job.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw std::runtime_error("can't open the file");
  return file;
}

void read_as_product(const Job& job) {
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 64 * kKiB, 10);
  transport::FileBlobReader reader({std::make_shared<io::UniqueFd>(open_file(job)), 0, job.size}, queue, "blob");
  Outlet outlet(job.sink_port);
  for (;;) {
    const auto chunk = reader.read();
    if (!chunk) throw std::runtime_error(chunk.error().describe());
    if (!*chunk) return;
    outlet.take(chunk->bytes());
  }
}

void read_plainly(const Job& job, std::size_t buffer_size, int advice, std::size_t piece) {
  const io::UniqueFd file = open_file(job);
  posix_fadvise(file.get(), 0, 0, advice);
  Outlet outlet(job.sink_port);
  std::vector<std::byte> buffer(buffer_size);
  ssize_t count = 0;
  while ((count = read(file.get(), buffer.data(), buffer.size())) > 0) {
    outlet.take_by({buffer.data(), static_cast<std::size_t>(count)}, piece);
  }
}

/// `window` bytes are mapped at a time; 0: the whole file.
void read_mapped(const Job& job, std::size_t window) {
  constexpr std::size_t kPiece = 256 * kKiB;
  const io::UniqueFd file = open_file(job);
  Outlet outlet(job.sink_port);
  const std::size_t step = window != 0 ? window : job.size;
  for (std::uint64_t offset = 0; offset < job.size; offset += step) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(step, job.size - offset));
    void* mapped = mmap(nullptr, length, PROT_READ, MAP_SHARED, file.get(), static_cast<off_t>(offset));
    if (mapped == MAP_FAILED) throw std::runtime_error("can't map the file");
    madvise(mapped, length, MADV_SEQUENTIAL);
    outlet.take_by({static_cast<const std::byte*>(mapped), length}, kPiece);
    munmap(mapped, length);
  }
}

struct Variant {
  std::string name;
  bool comparable;  ///< sends by 64 KiB as the product does, memory does not grow with the blob, and a cut file is an
                    ///< error
  std::function<void(const Job&)> run;
  std::vector<Cost> warm = {};
  std::vector<Cost> cold = {};
};

std::vector<Variant> make_variants() {
  std::vector<Variant> variants;
  variants.push_back({"freightliner, 64 KiB x 10", true, read_as_product});
  const auto add_read = [&](std::size_t kib, std::string_view hint, int advice) {
    variants.push_back({fmt::format("read, {} KiB, {}", kib, hint), kib == 64,
                        [=](const Job& job) { read_plainly(job, kib * kKiB, advice, kib * kKiB); }});
  };
  for (const std::size_t kib : {64, 256, 1024}) add_read(kib, "no hint", POSIX_FADV_NORMAL);
  for (const std::size_t kib : {64, 256, 1024}) add_read(kib, "SEQUENTIAL", POSIX_FADV_SEQUENTIAL);
  for (const std::size_t kib : {64, 256, 1024}) add_read(kib, "WILLNEED", POSIX_FADV_WILLNEED);
  // Whether it is the large read that counts, or what follows it: hashed and sent by 64 KiB, as the product's chunks.
  variants.push_back({"read, 1024 KiB, sent by 64", true,
                      [](const Job& job) { read_plainly(job, kMiB, POSIX_FADV_SEQUENTIAL, 64 * kKiB); }});
  variants.push_back({"mapped whole", false, [](const Job& job) { read_mapped(job, 0); }});
  variants.push_back({"mapped by 8 MiB", false, [](const Job& job) { read_mapped(job, 8 * kMiB); }});
  return variants;
}

void drop_from_cache(const Job& job) {
  const io::UniqueFd file = open_file(job);
  fsync(file.get());
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
}

void make_file(const Job& job) {
  const io::UniqueFd file(open(job.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  std::vector<char> block(kMiB);
  std::uint32_t state = 1;
  for (char& byte : block) {
    state = state * 1664525 + 1013904223;  // Numerical Recipes' generator: anything but zeros
    byte = static_cast<char>(state >> 24);
  }
  for (std::uint64_t done = 0; done < job.size; done += block.size()) {
    if (write(file.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size())) {
      throw std::runtime_error("can't write the file");
    }
  }
}

void print_costs(Figures& figures, const std::vector<Variant>& variants, std::uint64_t size, double max_ratio) {
  const double gib = static_cast<double>(size) / static_cast<double>(kGiB);
  const double product = median(variants.front().warm).cpu_seconds;
  const double product_cold = median(variants.front().cold).cpu_seconds;
  double best = product;
  fmt::print("{:<26} {:>10} {:>7} {:>8} | {:>10} {:>7} {:>8} | {:>8}\n", "", "CPU s/GiB", "ratio", "s/GiB", "cold: CPU",
             "ratio", "s/GiB", "RSS MiB");
  for (const Variant& variant : variants) {
    const Cost warm = median(variant.warm);
    const Cost cold = median(variant.cold);
    fmt::print("{:<26} {:>10.2f} {:>7.2f} {:>8.2f} | {:>10.2f} {:>7.2f} {:>8.2f} | {:>8.1f}\n", variant.name,
               warm.cpu_seconds / gib, warm.cpu_seconds / product, warm.wall_seconds / gib, cold.cpu_seconds / gib,
               cold.cpu_seconds / product_cold, cold.wall_seconds / gib, warm.rss_mib);
    if (variant.comparable) best = std::min(best, warm.cpu_seconds);
  }
  figures.at_most("CPU of the product's read / of the best other one that sends by 64 KiB, warm", product / best, "x",
                  max_ratio);
}

}  // namespace
}  // namespace freightliner::bench

int main(int argc, char** argv) {
  using namespace freightliner::bench;
  Figures figures("local_read_bench", argc, argv);
  CLI::App app("Ways to read a large local blob");
  std::string directory = "/var/tmp";
  std::uint64_t mib = 1024;
  int rounds = 5;
  double max_ratio = 1.15;
  app.add_option("--directory", directory, "where the file of the test is made, and removed");
  app.add_option("--mib", mib, "its size");
  app.add_option("--rounds", rounds, "rounds; the median counts");
  app.add_option("--max-ratio", max_ratio, "exit 1 where the product needs more CPU than that times the best read");
  CLI11_PARSE(app, argc, argv);
  const Sink sink;
  const Job job{fmt::format("{}/local-read-bench.{}", directory, getpid()), mib * freightliner::kMiB, sink.port};
  make_file(job);
  std::vector<Variant> variants = make_variants();
  for (int round = 0; round < rounds; ++round) {
    for (Variant& variant : variants) {
      drop_from_cache(job);
      for (std::vector<Cost>* const costs : {&variant.cold, &variant.warm}) {
        costs->push_back(cost_of(variant.name, [&] { variant.run(job); }));
      }
    }
  }
  unlink(job.file.c_str());
  print_costs(figures, variants, job.size, max_ratio);
  return figures.finish();
}
