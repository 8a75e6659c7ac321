// Every access that a kernel makes passes here: is it allowed, and is it ordered with the others?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/simt/executor/block.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/shared_memory.h"
#include "kernels/simt/executor/symbols.h"
#include "kernels/simt/executor/traffic.h"

namespace vitrine::simt {

/// Belongs to one OS thread, beside its BlockRunner.
class Observer {
  public:
    Observer(BlockRunner& block, SharedMemory& shared, Counters& counters);

    void begin_launch(Grid& grid);
    void begin_block(uint64_t turn);
    void end_block();
    void end_launch();

    /// Called before the access happens. `code` is a return address in the kernel. An access that may not
    /// happen ends the block and does not return.
    void access(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);

  private:
    void access_global(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    void access_shared(SharedPiece& piece, uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    void access_elsewhere(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    void check_alignment(uintptr_t address, uint32_t bytes, Access access, uintptr_t code);
    Accessor accessor(uint32_t first_block, Access access, uintptr_t code) const;
    std::string race_sentence(Access access, uint32_t bytes, const Stamp& earlier,
                              const std::string& what) const;
    [[noreturn]] void forbid(FindingKind kind, uintptr_t code, const std::string& message);

    BlockRunner& block_;
    SharedMemory& shared_;
    Counters& counters_;
    DeviceMemory& memory_;
    AddressRange program_;
    AddressRange arguments_;
    Grid* grid_ = nullptr;
    uint32_t number_ = 0;  // of the running block, for the cells
    Traffic traffic_;
};

}  // namespace vitrine::simt
