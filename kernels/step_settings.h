// The numbers of a training step that are others in the next one, in the device's memory.
#pragma once

#include <cstdint>

namespace vitrine {

/// A step that was recorded as a graph (kernels/graph.h) runs again with the arguments of the first time. What changes
/// from step to step lies here then, and takes the place of what the arguments say.
struct StepSettings {
    double learning_rate = 0.0;  // SgdUpdate's learning_rate is multiplied by it: a parameter's own factor
    double momentum = 0.0;       // of SgdUpdate; 0 exactly where the argument is
    double lambda = 1.0;         // of softmax cross-entropy
    uint32_t random_step = 0;    // RandomKey::epoch of dropout
    int32_t batch_record = 0;    // ScoreBatch's record is this one of those that begin there
    int32_t update_record = 0;   // the same of DecideUpdate's
};

}  // namespace vitrine
