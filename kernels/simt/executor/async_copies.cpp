// Asynchronous copies: the queue of each thread, and what they do when they begin and end.

#include "kernels/simt/executor/async_copies.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "kernels/simt/executor/observer.h"
#include "kernels/simt/executor/worker.h"
#include "kernels/simt/matrices.h"

namespace vitrine::simt {
namespace {

Worker& running() {
    if (running_worker == nullptr) throw std::logic_error("a CUDA word was used outside of a kernel");
    return *running_worker;
}

void carry_out(const AsyncCopy& copy) {
    void* const to = reinterpret_cast<void*>(copy.to);
    if (copy.from == 0) {
        std::memset(to, 0, copy.bytes);
    } else {
        std::memcpy(to, reinterpret_cast<const void*>(copy.from), copy.bytes);
    }
}

}  // namespace

AsyncCopies::OfThread& AsyncCopies::of(uint32_t rank) {
    if (threads_ == nullptr) {
        threads_ = std::make_unique<OfThread[]>(most_threads);
        in_use_ = std::make_unique<bool[]>(most_threads);
    }
    if (!in_use_[rank]) {
        in_use_[rank] = true;
        used_.push_back(rank);
    }
    return threads_[rank];
}

void AsyncCopies::begin_block() {
    for (const uint32_t rank : used_) {
        threads_[rank] = {};
        in_use_[rank] = false;
    }
    used_.clear();
}

void AsyncCopies::add(uint32_t rank, AsyncCopy copy) {
    OfThread& mine = of(rank);
    copy.group = mine.committed;
    mine.copies.push_back(copy);
}

void AsyncCopies::commit(uint32_t rank) { ++of(rank).committed; }

std::vector<AsyncCopy> AsyncCopies::take(uint32_t rank, uint32_t pending) {
    OfThread& mine = of(rank);
    const uint32_t complete = mine.committed > pending ? mine.committed - pending : 0;
    const auto end =
        std::ranges::find_if(mine.copies, [&](const AsyncCopy& copy) { return copy.group >= complete; });
    std::vector<AsyncCopy> taken(mine.copies.begin(), end);
    mine.copies.erase(mine.copies.begin(), end);
    return taken;
}

void Observer::begin_copy(const AsyncCopy& copy, uintptr_t from) {
    require_shared(copy.to, copy.code, "cp.async writes");
    if (!memory_.contains(from)) {
        forbid(FindingKind::host_memory, copy.code, "cp.async reads global memory, and this is none");
    }
    if (copy.from != 0) observe_slowly(from, copy.bytes, Access::read, copy.code);
    observe_slowly(copy.to, copy.bytes, Access::write, copy.code);
    Shadow& shadow = shared_.in_dynamic(copy.to) ? shared_.dynamic_shadow() : shared_.static_shadow();
    shadow.for_each(copy.to, copy.bytes,
                    [&](Cell& cell, uintptr_t, size_t) { cell.write = now_.in_flight(); });
}

void Observer::end_copy(const AsyncCopy& copy) {
    Shadow& shadow = shared_.in_dynamic(copy.to) ? shared_.dynamic_shadow() : shared_.static_shadow();
    shadow.for_each(copy.to, copy.bytes, [&](Cell& cell, uintptr_t, size_t) {
        if (cell.write == now_.in_flight() && cell.write_who == now_.rank) cell.write = now_.when;
    });
}

void begin_async_copy(void* shared, const void* global, uint32_t bytes, bool inside) {
    const Unobserved unobserved;
    const auto code = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
    const auto from = reinterpret_cast<uintptr_t>(global);
    const AsyncCopy copy{reinterpret_cast<uintptr_t>(shared), inside ? from : 0, bytes, code};
    Worker& worker = running();
    if (unobserved.observer() != nullptr) unobserved.observer()->begin_copy(copy, from);
    SharedMemory::poison(copy.to, bytes);
    worker.copies.add(worker.block.now().rank, copy);
}

void commit_async_copies() {
    const Unobserved unobserved;
    Worker& worker = running();
    worker.copies.commit(worker.block.now().rank);
}

void wait_for_async_copies(uint32_t pending) {
    const Unobserved unobserved;
    Worker& worker = running();
    for (const AsyncCopy& copy : worker.copies.take(worker.block.now().rank, pending)) {
        carry_out(copy);
        if (unobserved.observer() != nullptr) unobserved.observer()->end_copy(copy);
    }
}

}  // namespace vitrine::simt
