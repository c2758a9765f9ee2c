#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

// Counts the allocations of each thread of a test program, by replacing the global operators: include it in one file of
// the program. The other forms of new and delete end here too. Not inlined, or else g++ sees a new of its own freed by
// free().

namespace freightliner::test {
inline thread_local std::uint64_t thread_allocations = 0;
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++freightliner::test::thread_allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++freightliner::test::thread_allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
