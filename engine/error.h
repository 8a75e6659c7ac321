// vitrine::Error for the floors above kernels/: see kernels/error.h for when to throw it.
#pragma once

#include "kernels/error.h"
