// The shapes that both sliding pools are checked with, and how they are described.
#pragma once

#include <string>
#include <vector>

#include "kernels/pool.h"

namespace vitrine::gradcheck {

std::vector<PoolShape> pool_shapes();

std::string describe(const PoolShape& shape);

inline int64_t in_count(const PoolShape& shape) {
    return shape.batch * shape.in.height * shape.in.width * shape.channels;
}

inline int64_t out_count(const PoolShape& shape) {
    return shape.batch * shape.out().height * shape.out().width * shape.channels;
}

}  // namespace vitrine::gradcheck
