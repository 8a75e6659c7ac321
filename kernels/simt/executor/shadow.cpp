// Pages of cells.

#include "kernels/simt/executor/shadow.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/symbols.h"

namespace vitrine::simt {

PageLock::Lock PageLock::locks_[lock_count];

Shadow& global_shadow() {
    // Never destroyed, as the memory that it is the shadow of.
    static Shadow& shadow = *new Shadow(DeviceMemory::instance().base(), DeviceMemory::capacity);
    return shadow;
}

Shadow& variable_shadow() {
    static Shadow& shadow = *[] {
        const AddressRange variables = program_variable_range();
        const uintptr_t begin = variables.begin / Shadow::page_bytes * Shadow::page_bytes;
        return new Shadow(begin, variables.end - begin);
    }();
    return shadow;
}

Shadow::Shadow(uintptr_t begin, size_t bytes)
    : begin_(begin), page_count_((bytes + page_bytes - 1) / page_bytes) {
    void* memory = mmap(nullptr, page_count_ * sizeof(Page), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    pages_ = static_cast<Page*>(memory);  // zero bytes: pages that are not made
}

Shadow::~Shadow() { munmap(pages_, page_count_ * sizeof(Page)); }

Shadow::Page& Shadow::touch(size_t number, bool whole_words) {
    Page& page = pages_[number];
    if (page.cells == nullptr) make(number);
    if (!whole_words && page.shift != 0) split(number);
    return page;
}

void Shadow::make(size_t number) {
    auto words = std::make_unique<Cell[]>(page_bytes >> word_shift);
    pages_[number] = {words.get(), word_shift};
    const std::lock_guard lock(mutex_);
    made_[number] = std::move(words);
}

/// What was known of a word is known of its bytes.
void Shadow::split(size_t number) {
    auto bytes = std::make_unique<Cell[]>(page_bytes);
    Page& page = pages_[number];
    for (size_t i = 0; i < page_bytes; ++i) bytes[i] = page.cells[i >> word_shift];
    page = {bytes.get(), 0};
    const std::lock_guard lock(mutex_);
    made_[number] = std::move(bytes);
}

void Shadow::forget(uintptr_t address, size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t offset = address - begin_;
    const size_t end_page = std::min((offset + bytes) / page_bytes, page_count_);
    for (auto page = made_.lower_bound((offset + page_bytes - 1) / page_bytes);
         page != made_.end() && page->first < end_page; page = made_.erase(page)) {
        pages_[page->first] = {};
    }
}

void Shadow::forget_all() { forget(begin_, page_count_ * page_bytes); }

}  // namespace vitrine::simt
