// A block's shared memory: the static variables, which are the OS thread's own, and the dynamic stretch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/simt/executor/shadow.h"
#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {

/// A piece of shared memory, with what is known about its bytes.
struct SharedPiece {
    uintptr_t address;
    size_t bytes;
    std::string name;
    Cells cells;
    uint32_t block = 0;  // that touched it last
};

/// Belongs to one OS thread.
class SharedMemory {
  public:
    SharedMemory();
    ~SharedMemory();
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    void begin_launch(size_t dynamic_bytes);
    void* dynamic() const { return dynamic_; }

    /// Whether the address lies in the stretch of dynamic shared memory, used by this launch or not.
    bool in_dynamic(uintptr_t address) const {
        return address - reinterpret_cast<uintptr_t>(dynamic_) < dynamic_capacity;
    }
    bool in_static(uintptr_t address) const { return thread_locals_.holds(address); }

    /// Whether it is the compiler's own note that a static variable is constructed.
    bool is_guard(uintptr_t address) const;

    /// The piece that holds the address, or nullptr. If this block touches it for the first time it is
    /// poisoned.
    SharedPiece* find(uintptr_t address, uint32_t block);

    /// For kernels without the hooks, where no touch is seen: poisons all of shared memory. The program's
    /// other function-local thread variables look the same, so all are kept aside from save() to restore().
    void save();
    void poison_all();
    void restore();

    static constexpr size_t dynamic_capacity = size_t{256} << 10;

  private:
    AddressRange thread_locals_;
    void* dynamic_;
    std::vector<SharedPiece> pieces_;  // static ones by address; the last is the dynamic one
    size_t last_found_ = 0;
    std::vector<AddressRange> guards_;
    std::vector<std::vector<unsigned char>> saved_;
};

}  // namespace vitrine::simt
