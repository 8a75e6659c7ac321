// Read-only memory for host C++: what a kernel reads through ReadOnly or __ldg is announced to the executor,
// which reports every byte of it that the same launch writes.
//
// A GPU may take such reads past its coherent caches, and so may see what was there before. The rule is
// about the whole launch, whatever order its threads run in.
#pragma once

#include <cstddef>
#include <cstdint>

// So that an access belongs to the line that makes it.
#define VITRINE_INLINED inline __attribute__((always_inline))

namespace vitrine::simt {

/// The calling thread reads memory that nobody may write during this launch. The read itself is announced to
/// the hooks like any other.
void announce_read_only(const void* address, uint32_t bytes);

template <class T>
VITRINE_INLINED T read_only(const T* address) {
#ifdef __SANITIZE_THREAD__
    announce_read_only(address, sizeof(T));
#endif
    return *address;
}

}  // namespace vitrine::simt

namespace vitrine {

/// See kernels/cuda/cuda_compat.h. Here it is a type of its own, which becomes no plain pointer: memory that was
/// called read-only cannot be written, nor mixed up with memory that is.
template <class T>
class ReadOnly {
  public:
    ReadOnly(const T* address) : address_(address) {}

    VITRINE_INLINED T operator*() const { return simt::read_only(address_); }
    VITRINE_INLINED T operator[](int64_t i) const { return simt::read_only(address_ + i); }
    VITRINE_INLINED ReadOnly operator+(int64_t i) const { return address_ + i; }
    VITRINE_INLINED ReadOnly& operator+=(int64_t i) { return *this = *this + i; }
    VITRINE_INLINED bool operator==(std::nullptr_t) const { return address_ == nullptr; }

    /// The value of another type that lies where this points to.
    template <class V>
    VITRINE_INLINED V load_as() const {
        return simt::read_only(reinterpret_cast<const V*>(address_));
    }

  private:
    const T* address_;
};

/// One access of sizeof(V) bytes; `from` must be aligned to as many.
template <class V, class T>
VITRINE_INLINED V load_as(const T* from) {
    return *reinterpret_cast<const V*>(from);
}
template <class V, class T>
VITRINE_INLINED V load_as(ReadOnly<T> from) {
    return from.template load_as<V>();
}

}  // namespace vitrine

#undef VITRINE_INLINED
