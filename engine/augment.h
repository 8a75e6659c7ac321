// What augmentation programs consist of: the steps that kernels run.
#pragma once

#include "kernels/augment_program.h"
