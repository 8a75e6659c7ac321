// One launch for many tensors: a table says which blocks belong to which of them.
//
// A model has some 160 parameters, most of them tiny; a launch of 2 to 5 µs for each would take far longer
// than the memory does. A block finds its own line of the table by bisection: 8 steps through a few kilobytes
// that every block reads, and that therefore lie in the cache.
//
// The table goes up with each call: about 40 bytes a tensor, queued behind the kernels that still run.
// Keeping it on the device would save that copy, and would need to know when a gradient's buffer moves.
#pragma once

#include <vector>

#include "kernels/cuda/gpu.h"
#include "kernels/runtime.h"

namespace vitrine::VITRINE_GPU {

/// A Line has the `count` of a tensor's elements and its `first_block`. The result is the line of this block:
/// the last that does not begin after it.
template <class Line>
__device__ __forceinline__ Line own_line(const Line* table, int lines) {
    int begin = 0, end = lines;  // the line is among begin … end − 1
    while (end - begin > 1) {
        const int middle = (begin + end) / 2;
        if (table[middle].first_block <= int64_t{blockIdx.x}) {
            begin = middle;
        } else {
            end = middle;
        }
    }
    return table[begin];
}

/// A table in the device's scratch memory.
template <class Line>
struct TensorTable {
    const Line* lines;
    int count;
    int64_t blocks;  // of all lines together
};

/// Gives each line as many blocks as it needs, `block_elements` elements a block, and uploads the table.
/// Tensors without elements are left out.
template <class Line>
TensorTable<Line> upload_table(std::vector<Line> lines, int64_t block_elements, Context& context) {
    std::erase_if(lines, [](const Line& line) { return line.count == 0; });
    int64_t blocks = 0;
    for (Line& line : lines) {
        line.first_block = blocks;
        blocks += divide_up(line.count, block_elements);
    }
    if (lines.empty()) return {nullptr, 0, 0};
    Line* on_device = context.scratch.take<Line>(std::ssize(lines));
    runtime(context.device).copy_from_host(on_device, lines.data(), lines.size() * sizeof(Line));
    return {on_device, static_cast<int>(lines.size()), blocks};
}

}  // namespace vitrine::VITRINE_GPU
