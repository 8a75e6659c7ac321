// Looking on while kernels are called: see call_observer.h.

#include "kernels/call_observer.h"

#include <utility>

namespace vitrine {

thread_local CallObserver* CallObserver::innermost_ = nullptr;

CallObserver::CallObserver(std::function<void(const KernelCall&)> observer)
    : observer_(std::move(observer)), previous_(innermost_) {
    innermost_ = this;
}

CallObserver::~CallObserver() { innermost_ = previous_; }

void CallObserver::tell(const KernelCall& call) {
    for (CallObserver* each = innermost_; each != nullptr; each = each->previous_) each->observer_(call);
}

}  // namespace vitrine
