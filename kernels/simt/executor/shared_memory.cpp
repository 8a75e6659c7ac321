// Shared memory: finding its variables, filling them with poison.

#include "kernels/simt/executor/shared_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace vitrine::simt {
namespace {

constexpr unsigned char poison_byte = 0xFF;

void* map_dynamic() {
    void* memory = mmap(nullptr, SharedMemory::dynamic_capacity, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return memory;
}

}  // namespace

SharedMemory::SharedMemory()
    : thread_locals_(thread_local_range()),
      static_begin_(thread_locals_.begin / Shadow::page_bytes * Shadow::page_bytes),
      dynamic_(map_dynamic()),
      static_shadow_(static_begin_, static_bytes()),
      dynamic_shadow_(reinterpret_cast<uintptr_t>(dynamic_), dynamic_capacity) {
    for (const SharedVariable& variable : shared_variables()) {
        const uintptr_t address = thread_locals_.begin + variable.offset;
        if (variable.name.empty()) {
            guards_.push_back({address, address + variable.bytes});
            continue;
        }
        pieces_.push_back({address, variable.bytes, "shared variable " + variable.name});
    }
    pieces_.push_back({reinterpret_cast<uintptr_t>(dynamic_), 0, "dynamic shared memory"});
}

SharedMemory::~SharedMemory() {
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(dynamic_, dynamic_capacity);
#endif
    munmap(dynamic_, dynamic_capacity);
}

void SharedMemory::begin_launch(const Grid& grid) {
    const size_t dynamic_bytes = grid.request().shared_bytes;
    pieces_.back().bytes = dynamic_bytes;
    ++launch_;
    static_bytes_used_ = 0;
    if (era_ != grid.era()) {
        era_ = grid.era();
        static_shadow_.forget_all();
        dynamic_shadow_.forget_all();
    }
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(dynamic_, dynamic_bytes);
    __asan_poison_memory_region(static_cast<char*>(dynamic_) + dynamic_bytes,
                                dynamic_capacity - dynamic_bytes);
#endif
}

bool SharedMemory::is_guard(uintptr_t address) const {
    const auto after = std::ranges::upper_bound(guards_, address, {}, &AddressRange::begin);
    return after != guards_.begin() && std::prev(after)->holds(address);
}

const SharedPiece* SharedMemory::find(uintptr_t address) {
    const auto holds = [&](const SharedPiece& piece) { return address - piece.address < piece.bytes; };
    SharedPiece* piece = &pieces_[last_found_];
    if (!holds(*piece)) {
        if (holds(pieces_.back())) {
            piece = &pieces_.back();
        } else {
            const auto statics = std::ranges::subrange(pieces_.begin(), pieces_.end() - 1);
            const auto after = std::ranges::upper_bound(statics, address, {}, &SharedPiece::address);
            if (after == statics.begin() || !holds(*std::prev(after))) return nullptr;
            piece = &*std::prev(after);
        }
        last_found_ = static_cast<size_t>(piece - pieces_.data());
    }
    if (piece->launch != launch_) {
        piece->launch = launch_;
        if (piece != &pieces_.back()) static_bytes_used_ += piece->bytes;
    }
    return piece;
}

void SharedMemory::poison(uintptr_t address, size_t bytes) {
    std::memset(reinterpret_cast<void*>(address), poison_byte, bytes);
}

void SharedMemory::save() {
    saved_.clear();
    for (const SharedPiece& piece : pieces_) {
        const auto* begin = reinterpret_cast<const unsigned char*>(piece.address);
        saved_.emplace_back(begin, begin + piece.bytes);
    }
}

void SharedMemory::poison_all() {
    for (const SharedPiece& piece : pieces_) poison(piece.address, piece.bytes);
}

void SharedMemory::restore() {
    for (size_t i = 0; i < pieces_.size(); ++i) {
        std::ranges::copy(saved_[i], reinterpret_cast<unsigned char*>(pieces_[i].address));
    }
}

}  // namespace vitrine::simt
