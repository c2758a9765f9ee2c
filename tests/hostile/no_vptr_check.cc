// For tests that take all descriptors from a program with UBSan, or fail its writes: loaded before it, or part of it.
// UBSan's vptr check asks whether it may read an object by writing it into a pipe of its own
// (sanitizer_posix_libcdep.cpp, IsAccessibleMemoryRange). Without a descriptor for that pipe it calls a sound object a
// bad one, and where strace fails that write it ends itself by an assertion. All other checks stay.
extern "C" void __ubsan_handle_dynamic_type_cache_miss_abort(void* /*check*/, void* /*object*/, void* /*hash*/) {}
