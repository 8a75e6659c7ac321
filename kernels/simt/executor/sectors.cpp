// Sets of sectors: 256 bits for every 8 KiB that are touched.

#include "kernels/simt/executor/sectors.h"

#include <bit>

namespace vitrine::simt {

void SectorSet::clear() {
    pages_.clear();
    last_page_ = nullptr;
}

SectorSet::Page& SectorSet::page(uintptr_t number) {
    if (last_page_ == nullptr || number != last_number_) {
        last_number_ = number;
        last_page_ = &pages_[number];
    }
    return *last_page_;
}

template <class Add>
void SectorSet::for_each(uintptr_t first, uintptr_t last, Add&& add) {
    for (uintptr_t sector = first; sector <= last; ++sector) {
        add(page(sector / (64 * words)), sector / 64 % words, uint64_t{1} << sector % 64);
    }
}

void SectorSet::add_read(uintptr_t first, uintptr_t last) {
    for_each(first, last, [](Page& page, uintptr_t word, uint64_t bit) { page.read[word] |= bit; });
}

void SectorSet::add_written(uintptr_t first, uintptr_t last) {
    for_each(first, last, [](Page& page, uintptr_t word, uint64_t bit) { page.written[word] |= bit; });
}

void SectorSet::add(const SectorSet& other) {
    for (const auto& [number, theirs] : other.pages_) {
        Page& mine = page(number);
        for (uintptr_t word = 0; word < words; ++word) {
            mine.read[word] |= theirs.read[word];
            mine.written[word] |= theirs.written[word];
        }
    }
}

uint64_t SectorSet::count(Bits Page::*kind) const {
    uint64_t sum = 0;
    for (const auto& [number, page] : pages_) {
        for (const uint64_t bits : page.*kind) sum += static_cast<uint64_t>(std::popcount(bits));
    }
    return sum;
}

}  // namespace vitrine::simt
