// Additions whose results are right, and which must be caught all the same.
#pragma once

#include "kernels/context.h"
#include "kernels/elementwise.h"

namespace vitrine::test {

/// Two threads write each element, both the same value.
void add_with_a_race(const AddForward& args, Context& context);

/// Every warp also reads the element behind its last one, and does nothing with it.
void add_reading_too_far(const AddForward& args, Context& context);

/// The first element's last bit tells whether its thread came first.
void add_by_order(const AddForward& args, Context& context);

/// Right.
void add_rightly(const AddForward& args, Context& context);

}  // namespace vitrine::test
