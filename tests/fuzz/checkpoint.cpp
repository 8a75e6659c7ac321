// A checkpoint of a tiny model: its counters, and everything that goes on from it. What was restored must be
// saved to the same bits.

#include <stdexcept>

#include "engine/error.h"
#include "engine/nn/layers.h"
#include "tests/fuzz/support.h"
#include "tools/train/run_state.h"

namespace {

using namespace vitrine;

/// What a checkpoint is restored into.
struct Tiny {
    Tiny() {
        const Placement placement{DType::f32, Device::reference};
        model.append<nn::Linear>(nn::LinearOptions::torch_default(2, 2), placement);
        model.append<nn::BatchNorm2d>(2, placement);
        nn::initialise(model, 1);
        state.emplace(model.state());
        optimiser.emplace(*state, optim::SgdOptions{});
        ema.emplace(*state);
    }
    train::LiveState live() { return {model, *optimiser, &*ema, scheduler}; }

    nn::Sequential model;
    std::optional<FlatState> state;
    std::optional<optim::Sgd> optimiser;
    std::optional<optim::Ema> ema;
    optim::PhaseScheduler scheduler{
        {optim::CosineWarmRestartsSpec{}, optim::Per::batch, optim::Warmup{}}, {0.1, 0.9}, 3, 5};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Tiny tiny;
    SafeTensors checkpoint;
    try {
        checkpoint = parse_safetensors({reinterpret_cast<const char*>(data), size}, "checkpoint");
        train::progress_in(checkpoint);
        train::recipe_in(checkpoint);
    } catch (const Error&) {
    }
    try {
        train::restore(checkpoint, tiny.live(), "checkpoint");
        train::restore_scheduler(checkpoint, tiny.live(), "checkpoint");
    } catch (const Error&) {
        return 0;
    }
    const SafeTensors saved = train::state_of(tiny.live());
    for (int i = 0; i < 20; ++i) tiny.scheduler.after_batch();
    Tiny other;
    train::restore(saved, other.live(), "what was saved");
    const SafeTensors again = train::state_of(other.live());
    for (size_t i = 0; i < saved.tensors.size(); ++i) {
        if (again.tensors.at(i).bytes != saved.tensors[i].bytes)
            throw std::logic_error("a state that is another when it is restored");
    }
    return 0;
}
