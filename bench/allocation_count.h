#pragma once

#include <cstdint>

/// How often operator new was called in this program. Linking allocation_count.cc replaces the global operators.
std::uint64_t allocation_count() noexcept;
