// An addition through shared memory, whose barrier a test can leave out.
#pragma once

#include "kernels/context.h"
#include "kernels/elementwise.h"

namespace vitrine::test {

void add_through_shared(const AddForward& args, Context& context);
void add_through_shared_without_barrier(const AddForward& args, Context& context);

}  // namespace vitrine::test
