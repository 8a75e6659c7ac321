// The usable cores for the floors above: see kernels/cores.h.
#pragma once

#include "kernels/cores.h"
