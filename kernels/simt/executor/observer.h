// Every access that a kernel makes passes here: is it allowed, and is it ordered with the others?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/simt/executor/async_copies.h"
#include "kernels/simt/executor/block.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/patience.h"
#include "kernels/simt/executor/read_only.h"
#include "kernels/simt/executor/shadow.h"
#include "kernels/simt/executor/shared_memory.h"
#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/executor/traffic.h"

namespace vitrine::simt {

/// Belongs to one OS thread, beside its BlockRunner.
class Observer {
  public:
    Observer(BlockRunner& block, SharedMemory& shared, Counters& counters);

    void begin_launch(Grid& grid);
    /// All lanes of a warp have come to a barrier of the block, or have exited.
    void end_warp(uint32_t warp) { traffic_.end_warp(warp); }
    void end_block() { traffic_.end_block(); }
    void end_launch();
    void set_recording(Recording* recording) { traffic_.set_recording(recording); }

    /// Called before the access happens. `code` is a return address in the kernel. An access that may not
    /// happen ends the block and does not return. For the hooks: see observe.h.
    template <uint32_t bytes, Access access>
    void observe(uintptr_t address, uintptr_t code);

    /// The same for any number of bytes, with everything that is not the common case.
    void observe_slowly(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);

    /// The running thread has looked at a word that may change under it, and it is as it was. If it has done
    /// so for too long, its block ends.
    void look_in_vain(uintptr_t address, uintptr_t code);
    /// It has changed a word atomically.
    void has_changed() { ++changes_; }

    /// A lane gives 16 bytes of shared memory to a matrix instruction.
    void observe_row(uintptr_t address, uintptr_t code);
    /// An asynchronous copy begins, whose source is `from` even if nothing is read, or has been waited for by its thread.
    void begin_copy(const AsyncCopy& copy, uintptr_t from);
    void end_copy(const AsyncCopy& copy);

    /// A read is coming of memory that nobody may write during the launch.
    void observe_read_only(uintptr_t address, uint32_t bytes, uintptr_t code) {
        if (memory_.contains(address)) read_only_.add(memory_.offset(address), bytes, short_code(code));
    }

  private:
    enum class Memory : uint8_t { global, shared };

    template <uint32_t bytes, Access access>
    bool observe_global(uintptr_t address, uintptr_t code);
    template <uint32_t bytes, Access access>
    bool observe_shared(const Shadow::Page* directory, size_t offset, bool known_variable, uintptr_t code);
    template <uint32_t bytes, Access access>
    void count(Memory memory, uintptr_t address, uintptr_t code);

    void access_global(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    void access_shared(const SharedPiece& piece, uintptr_t address, uint32_t bytes, Access access,
                       uintptr_t code);
    void access_variable(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    std::optional<Earlier> enter_cells(Shadow& shadow, uintptr_t address, uint32_t bytes, Access access,
                                       uintptr_t code);
    void access_elsewhere(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    void count(Memory memory, uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    void require_shared(uintptr_t address, uintptr_t code, const char* who);
    void check_alignment(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    uint32_t short_code(uintptr_t code) const { return static_cast<uint32_t>(code - program_.begin); }
    std::string shown_thread(const Earlier& earlier) const;
    std::string race_sentence(Access access, uint32_t bytes, const Earlier& earlier,
                              const std::string& what) const;
    [[noreturn]] void forbid(FindingKind kind, uintptr_t code, const std::string& message);

    // What every access looks at.
    const Now& now_;
    const uintptr_t device_begin_;
    const uint16_t* const live_in_granule_;
    const Shadow::Page* const global_pages_;
    const uintptr_t static_begin_;
    const size_t static_bytes_;
    const Shadow::Page* const static_pages_;
    const uintptr_t dynamic_begin_;
    size_t dynamic_bytes_ = 0;  // that this launch has
    const Shadow::Page* const dynamic_pages_;
    uintptr_t arguments_ = 0;
    size_t argument_bytes_ = 0;
    uintptr_t piece_begin_ = 0;  // a static shared variable: the one that was looked up last
    size_t piece_bytes_ = 0;
    bool count_traffic_ = false;
    const bool* several_workers_ = nullptr;

    BlockRunner& block_;
    SharedMemory& shared_;
    Counters& counters_;
    DeviceMemory& memory_;
    AddressRange program_;
    AddressRange variables_;  // of the program
    Grid* grid_ = nullptr;
    ReadOnlyReads read_only_;
    Traffic traffic_;
    Patience patience_;
    uint64_t atomic_bytes_ = 0;  // of the bytes that were counted as written
    uint64_t changes_ = 0;       // by atomics
};

}  // namespace vitrine::simt
