// Gradients on their way through the tree while backward goes on: see gradient_exchange.h.

#include "engine/step/gradient_exchange.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <system_error>
#include <utility>

#include "engine/step/add_gradients.h"

namespace vitrine {
namespace {

/// Plain loops: kernels are for the thread that runs the model. a + b has one result, whoever adds.
template <class T>
void add_to(void* to, const void* from, int64_t count) {
    T* sum = static_cast<T*>(to);
    const T* other = static_cast<const T*>(from);
    for (int64_t i = 0; i < count; ++i) sum[i] += other[i];
}

}  // namespace

std::vector<GradientRange> gradient_ranges(const FlatState& state) {
    constexpr int64_t parts = 8;
    std::vector<GradientRange> ranges;
    const auto append = [&](bool norms, int64_t most) {
        const auto places = state.places_of([&](size_t i) { return state.is_norm_or_bias(i) == norms; });
        bool begun = false;
        for (auto place = places.rbegin(); place != places.rend(); ++place) {
            const auto& [index, elements] = *place;
            if (!begun || ranges.back().elements.begin != elements.end ||
                ranges.back().elements.count() >= most)
                ranges.push_back({{elements.end, elements.end}, {}});
            begun = true;
            ranges.back().elements.begin = elements.begin;
            ranges.back().parameters.push_back(index);
        }
    };
    append(false, std::max<int64_t>(1, state.trained_count() / parts));
    append(true, state.trained_count());
    return ranges;
}

GradientExchange::GradientExchange(const FlatState& state, DeviceCollective& processes,
                                   std::vector<ExchangeTask> plan)
    : state_(state), processes_(processes), plan_(std::move(plan)), ranges_(gradient_ranges(state)) {
    missing_.resize(ranges_.size());
    for (size_t range = 0; range < ranges_.size(); ++range) {
        for (const size_t index : ranges_[range].parameters) {
            const auto& slot = state_.parameter(index).value.slot();
            if (!slot) continue;  // frozen: nobody waits for it
            range_of_[slot.get()] = range;
            ++missing_[range];
        }
    }
    if (!processes_.any_thread()) return;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // The system has no more threads for us: finish() does all of it.
    }
}

GradientExchange::~GradientExchange() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        given_up_ = true;
    }
    changed_.notify_all();
    processes_.processes().give_up();
    thread_.join();
}

void GradientExchange::finished(const GradientSlot* slot) {
    const auto range = range_of_.find(slot);
    if (range == range_of_.end()) return;  // not a parameter's
    {
        const std::lock_guard lock(mutex_);
        if (--missing_[range->second] > 0) return;
    }
    changed_.notify_all();
    if (processes_.queues()) queue_finished();
}

/// A range behind one that is not finished waits for it: all processes have the same order.
void GradientExchange::queue_finished() {
    const Beside beside(processes_);
    for (; next_ < ranges_.size() && missing_[next_] == 0; ++next_) pass_on(ranges_[next_]);
}

void GradientExchange::finish() {
    const auto begin = std::chrono::steady_clock::now();
    {
        const std::lock_guard lock(mutex_);
        std::ranges::fill(missing_, 0);  // what has no gradient now gets none
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
        processes_.processes().count_as_waited(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    } else {
        queue_finished();
    }
    if (failure_) std::rethrow_exception(failure_);
}

void GradientExchange::run() {
    try {
        for (; next_ < ranges_.size(); ++next_) {
            if (!wait_for(next_)) return;
            pass_on(ranges_[next_]);
        }
    } catch (...) {
        failure_ = std::current_exception();
    }
}

bool GradientExchange::wait_for(size_t range) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return given_up_ || missing_[range] == 0; });
    return !given_up_;
}

void GradientExchange::pass_on(const GradientRange& range) {
    for (const ExchangeTask& task : plan_) do_task(task, range);
}

void GradientExchange::do_task(const ExchangeTask& task, const GradientRange& range) const {
    const Tensor part = task.gradients.part(range.elements.begin, {range.elements.count()});
    switch (task.kind) {
        case ExchangeTask::Kind::add:
            return add(task, range);
        case ExchangeTask::Kind::send:
            return processes_.send(part.data(), part.bytes(), task.process);
        case ExchangeTask::Kind::receive:
            return processes_.receive(part.data(), part.bytes(), task.process);
        case ExchangeTask::Kind::broadcast:
            return processes_.broadcast(part.data(), part.bytes(), 0);
        case ExchangeTask::Kind::sum:
            return processes_.sum(part.data(), part.count(), part.dtype());
    }
}

void GradientExchange::add(const ExchangeTask& task, const GradientRange& range) const {
    if (processes_.any_thread()) return add_on_host(task, range);
    const auto in_range = [&](size_t index) {
        return std::ranges::find(range.parameters, index) != range.parameters.end();
    };
    add_gradients(state_, {task.gradients, task.other, task.gradients}, in_range);
}

/// Of the parameters that have a gradient: what lies where the others would have theirs is nobody's.
void GradientExchange::add_on_host(const ExchangeTask& task, const GradientRange& range) const {
    for (const size_t index : range.parameters) {
        if (!state_.parameter(index).value.gradient().defined()) continue;
        const Tensor sum = state_.part(task.gradients, index), other = state_.part(task.other, index);
        dispatch_float(state_.placement().dtype,
                       [&]<class T>() { add_to<T>(sum.data(), other.data(), sum.count()); });
    }
}

}  // namespace vitrine
