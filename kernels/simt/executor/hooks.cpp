// The hooks that the compiler calls before every access of a kernel file compiled with -fsanitize=thread.
//
// The program is not linked with thread sanitizer's own run-time library: these few functions stand in its
// place. Kernel files must be the only ones compiled with that flag.

#include <cstdint>

#include "kernels/simt/executor/observe.h"

namespace {

using vitrine::simt::Access;
using vitrine::simt::running_observer;

template <uint32_t bytes, Access access>
VITRINE_ALWAYS_INLINE void hook(const void* address, const void* code) {
    if (running_observer == nullptr) return;
    running_observer->observe<bytes, access>(reinterpret_cast<uintptr_t>(address),
                                             reinterpret_cast<uintptr_t>(code));
}

/// A volatile read: perhaps one of many by a thread that waits.
template <uint32_t bytes>
VITRINE_ALWAYS_INLINE void hook_look(const void* address, const void* code) {
    if (running_observer == nullptr) return;
    hook<bytes, Access::read>(address, code);
    running_observer->look_in_vain(reinterpret_cast<uintptr_t>(address), reinterpret_cast<uintptr_t>(code));
}

/// An access of unknown alignment or length, as single bytes so that no alignment is asked of it.
template <Access access>
VITRINE_ALWAYS_INLINE void hook_bytes(const void* address, uint64_t bytes, const void* code) {
    for (uint64_t i = 0; i < bytes; ++i) hook<1, access>(static_cast<const char*>(address) + i, code);
}

}  // namespace

// The compiler chooses these names.
#define VITRINE_HOOKS(bytes)                                              \
    void __tsan_read##bytes(void* address) {                              \
        hook<bytes, Access::read>(address, __builtin_return_address(0));  \
    }                                                                     \
    void __tsan_write##bytes(void* address) {                             \
        hook<bytes, Access::write>(address, __builtin_return_address(0)); \
    }                                                                     \
    void __tsan_unaligned_read##bytes(void* address) {                    \
        hook<bytes, Access::read>(address, __builtin_return_address(0));  \
    }                                                                     \
    void __tsan_unaligned_write##bytes(void* address) {                   \
        hook<bytes, Access::write>(address, __builtin_return_address(0)); \
    }                                                                     \
    void __tsan_volatile_read##bytes(void* address) {                     \
        hook_look<bytes>(address, __builtin_return_address(0));           \
    }                                                                     \
    void __tsan_volatile_write##bytes(void* address) {                    \
        hook<bytes, Access::write>(address, __builtin_return_address(0)); \
    }                                                                     \
    void __tsan_unaligned_volatile_read##bytes(void* address) {           \
        hook_look<bytes>(address, __builtin_return_address(0));           \
    }                                                                     \
    void __tsan_unaligned_volatile_write##bytes(void* address) {          \
        hook<bytes, Access::write>(address, __builtin_return_address(0)); \
    }

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void* /*caller*/) {}
void __tsan_func_exit(void*) {}
void __tsan_vptr_update(void*, void*) {}
void __tsan_vptr_read(void*) {}

VITRINE_HOOKS(1)
VITRINE_HOOKS(2)
VITRINE_HOOKS(4)
VITRINE_HOOKS(8)
VITRINE_HOOKS(16)

void __tsan_read_range(void* address, unsigned long bytes) {
    hook_bytes<Access::read>(address, bytes, __builtin_return_address(0));
}
void __tsan_write_range(void* address, unsigned long bytes) {
    hook_bytes<Access::write>(address, bytes, __builtin_return_address(0));
}

}  // extern "C"

#undef VITRINE_HOOKS
