// A block's shared memory: the static variables, which are the OS thread's own, and the dynamic stretch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/simt/executor/grid.h"
#include "kernels/simt/executor/shadow.h"
#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {

/// A static variable, or the dynamic stretch.
struct SharedPiece {
    uintptr_t address;
    size_t bytes;
    std::string name;
    uint64_t launch = 0;  // that looked it up last
};

/// Belongs to one OS thread.
class SharedMemory {
  public:
    SharedMemory();
    ~SharedMemory();
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    void begin_launch(const Grid& grid);
    void* dynamic() const { return dynamic_; }

    /// The addresses among which static shared variables lie.
    uintptr_t static_begin() const { return static_begin_; }
    size_t static_bytes() const { return thread_locals_.end - static_begin_; }
    Shadow& static_shadow() { return static_shadow_; }
    Shadow& dynamic_shadow() { return dynamic_shadow_; }

    /// Whether the address lies in the stretch of dynamic shared memory, used by this launch or not.
    bool in_dynamic(uintptr_t address) const {
        return address - reinterpret_cast<uintptr_t>(dynamic_) < dynamic_capacity;
    }
    bool in_static(uintptr_t address) const { return thread_locals_.holds(address); }

    /// Whether it is the compiler's own note that a static variable is constructed.
    bool is_guard(uintptr_t address) const;

    /// The piece that holds the address, or nullptr.
    const SharedPiece* find(uintptr_t address);

    /// The bytes of all static variables that were looked up in this launch.
    size_t static_bytes_used() const { return static_bytes_used_; }

    /// Fills bytes that nobody has written as fresh memory is filled: NaN as float or double.
    static void poison(uintptr_t address, size_t bytes);

    /// For kernels without the hooks, where no read is seen: poisons all of shared memory. The program's
    /// other function-local thread variables look the same, so all are kept aside from save() to restore().
    void save();
    void poison_all();
    void restore();

    static constexpr size_t dynamic_capacity = size_t{256} << 10;

  private:
    AddressRange thread_locals_;
    uintptr_t static_begin_;  // a page's
    void* dynamic_;
    Shadow static_shadow_;
    Shadow dynamic_shadow_;
    std::vector<SharedPiece> pieces_;  // static ones by address; the last is the dynamic one
    size_t last_found_ = 0;
    uint64_t launch_ = 0;
    uint32_t era_ = 0;
    size_t static_bytes_used_ = 0;
    std::vector<AddressRange> guards_;
    std::vector<std::vector<unsigned char>> saved_;
};

}  // namespace vitrine::simt
