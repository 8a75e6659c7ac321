// The first values of all parameters.

#include "engine/nn/layers.h"
#include "engine/random.h"

namespace vitrine::nn {
namespace {

std::vector<double> draw(const Initialisation& initialisation, int64_t count, const RandomKey& key) {
    std::vector<double> values(static_cast<size_t>(count), initialisation.scale);
    for (size_t i = 0; i < values.size(); ++i) {
        switch (initialisation.kind) {
            case Initialisation::Kind::constant:
                break;
            case Initialisation::Kind::normal:
                values[i] *= random_normal(key, i);
                break;
            case Initialisation::Kind::uniform:
                values[i] *= random_uniform(key, i, -1.0, 1.0);
                break;
        }
    }
    return values;
}

}  // namespace

void initialise(Module& model, uint64_t seed) {
    uint32_t place = 0;
    for (const NamedParameter& named : model.state()) {
        const RandomKey key{
            .seed = seed, .purpose = RandomPurpose::initialise, .epoch = 0, .sample = place++};
        const std::vector<double> values = draw(named.parameter->initialisation, named.value().count(), key);
        named.value().assign(std::span<const double>(values));
        named.parameter->round();
    }
}

}  // namespace vitrine::nn
