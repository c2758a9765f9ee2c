// A library to load before the program (LD_PRELOAD): counts its allocations, of itself and of its libraries, into the
// file that FREIGHTLINER_ALLOCATIONS names: little-endian numbers of 64 bits, current at any time, however the program
// ends. glibc only.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" {
void* __libc_malloc(std::size_t size) noexcept;
void* __libc_calloc(std::size_t count, std::size_t size) noexcept;
void* __libc_realloc(void* memory, std::size_t size) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;
}

namespace {

// The buffer pool aligns its buffers of 64 KiB and more to pages; nothing else does.
constexpr std::size_t kPage = 4096;

struct Counts {
  std::atomic<std::uint64_t> all{0};
  std::atomic<std::uint64_t> buffers{0};  // aligned to pages
  std::atomic<std::uint64_t> buffer_bytes{0};
};

Counts before_main;
std::atomic<Counts*> counts{&before_main};

void count(std::size_t size, std::size_t alignment = 0) noexcept {
  Counts& into = *counts.load(std::memory_order_relaxed);
  into.all.fetch_add(1, std::memory_order_relaxed);
  if (alignment < kPage) return;
  into.buffers.fetch_add(1, std::memory_order_relaxed);
  into.buffer_bytes.fetch_add(size, std::memory_order_relaxed);
}

[[gnu::constructor]] void open_file() {
  const char* path = std::getenv("FREIGHTLINER_ALLOCATIONS");
  if (path == nullptr) return;
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0 || ftruncate(file, sizeof(Counts)) != 0) std::abort();
  void* memory = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) std::abort();
  close(file);
  counts = static_cast<Counts*>(memory);
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept {
  count(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) noexcept {
  count(number * size);
  return __libc_calloc(number, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
  count(size);
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
  count(size, alignment);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  count(size, alignment);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  count(size, alignment);
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}
