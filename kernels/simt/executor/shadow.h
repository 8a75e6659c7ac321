// Where the cells of a stretch of memory are kept: in pages, made as the memory is touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "kernels/simt/executor/cell.h"

namespace vitrine::simt {

/// Cells for a stretch of addresses. A page has one cell for each 4 bytes, until an access that is narrower
/// or crosses 4-byte words asks for one for each byte. So neighbouring bytes of different threads are told
/// apart, and floats stay cheap.
class Shadow {
  public:
    static constexpr size_t page_bytes = 4096;

    struct Page {
        Cell* cells = nullptr;  // null until the page is touched
        uint32_t shift = 0;     // a cell is for 1 << shift bytes
    };

    Shadow(uintptr_t begin, size_t bytes);
    ~Shadow();
    Shadow(const Shadow&) = delete;
    Shadow& operator=(const Shadow&) = delete;

    /// By page_bytes, from `begin` on. For the hooks, which leave all but pages with a cell a word to others.
    Page* directory() const { return pages_; }

    /// Calls f(cell, address, bytes) for each cell of the access, with what it stands for. The caller sees to
    /// it that nobody else does the same for this page.
    template <class F>
    void for_each(uintptr_t address, size_t bytes, F&& f) {
        while (bytes != 0) {
            const size_t offset = address - begin_;
            const size_t inside = offset % page_bytes;
            const size_t here = bytes < page_bytes - inside ? bytes : page_bytes - inside;
            const Page& page = touch(offset / page_bytes, (inside | here) % 4 == 0);
            const size_t unit = size_t{1} << page.shift;
            for (size_t at = 0; at < here; at += unit) {
                f(page.cells[(inside + at) >> page.shift], address + at, unit);
            }
            address += here;
            bytes -= here;
        }
    }

    /// Frees the pages that lie inside of a buffer that is released. No kernel may be using them.
    void forget(uintptr_t address, size_t bytes);
    void forget_all();

  private:
    static constexpr uint32_t word_shift = 2;

    Page& touch(size_t number, bool whole_words);
    void make(size_t number);
    void split(size_t number);

    uintptr_t begin_;
    size_t page_count_;
    Page* pages_;
    std::mutex mutex_;
    std::map<size_t, std::unique_ptr<Cell[]>> made_;  // the cells of each page that is touched
};

/// The shadow of the whole device memory.
Shadow& global_shadow();

/// The shadow of the program's own variables, among which are the kernels' __device__ ones.
Shadow& variable_shadow();

/// While several OS threads run blocks of one launch, a page of one of these shadows is used under its lock.
class PageLock {
  public:
    /// Does nothing if `needed` is false.
    PageLock(size_t page, bool needed) : taken_(needed ? &locks_[page % lock_count].taken : nullptr) {
        if (taken_ == nullptr) return;
        while (__atomic_test_and_set(taken_, __ATOMIC_ACQUIRE)) {
        }
    }
    ~PageLock() {
        if (taken_ != nullptr) __atomic_clear(taken_, __ATOMIC_RELEASE);
    }
    PageLock(const PageLock&) = delete;
    PageLock& operator=(const PageLock&) = delete;

  private:
    static constexpr size_t lock_count = 1024;
    struct alignas(64) Lock {
        bool taken;
    };
    static Lock locks_[lock_count];

    bool* taken_;
};

}  // namespace vitrine::simt
