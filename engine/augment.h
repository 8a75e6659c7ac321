// What augmentation programs consist of, the steps that kernels run, and the arithmetic of resizing.
#pragma once

#include "kernels/augment_program.h"
#include "kernels/augment_resize.h"
