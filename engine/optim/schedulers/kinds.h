// The makers of the kinds of scheduler, each in the file that is called after it.
#pragma once

#include "engine/optim/schedulers/scheduler.h"

namespace vitrine::optim {

using SchedulerPointer = std::unique_ptr<Scheduler>;

SchedulerPointer make_kind(const ConstantSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const StepSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const MultiStepSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const ExponentialSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const CyclicSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const CosineSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const CosineWarmRestartsSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const ReduceOnPlateauSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const OneCycleSpec& spec, Setting initial, int64_t length);
SchedulerPointer make_kind(const PolynomialSpec& spec, Setting initial, int64_t length);

}  // namespace vitrine::optim
