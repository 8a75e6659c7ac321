// The makers of the kinds of scheduler, each in the file that is called after it.
#pragma once

#include "engine/optim/schedulers/scheduler.h"

namespace vitrine::optim {

using SchedulerPointer = std::unique_ptr<Scheduler>;

SchedulerPointer make_kind(const ConstantSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const StepSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const MultiStepSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const ExponentialSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const CyclicSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const CosineSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const CosineWarmRestartsSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const ReduceOnPlateauSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const OneCycleSpec& spec, Hyperparameters initial, int64_t length);
SchedulerPointer make_kind(const PolynomialSpec& spec, Hyperparameters initial, int64_t length);

}  // namespace vitrine::optim
