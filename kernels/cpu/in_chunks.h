// The frame of an op whose chunks have nothing to do with one another, element-by-element work above all.
//
// The op's file is left with its formula, a line beside it in HWY_NAMESPACE
//
//     constexpr auto forward = all_types([]<class T>(const AddForward& args, Range range) HWY_ATTR { ... });
//     void forward_chunk(const AddForward& args, Range range) { forward(args, range); }
//
// and one in the list:
//
//     constexpr Implementation<AddForward> forward_list[]{{"vector", refuses_nothing, VITRINE_IN_CHUNKS(forward)}};
#pragma once

#include "kernels/context.h"
#include "kernels/cpu/parallel.h"
#include "kernels/typed_body.h"

namespace vitrine::cpu {

/// What is cut into chunks: elements here; an op of other things overloads this for its arguments.
template <class Args>
Chunks chunks_of(const Args& args) {
    return Chunks::of_elements(args.count);
}

/// Code for an Implementation, as a TypedBody is. `Compute` is a lambda that captures nothing.
template <StorageTypes stored, class Compute>
struct InChunks {
    static constexpr StorageTypes types = stored;

    template <class Args>
    static void run(const Args& args, Context&) {
        Compute{}(args);
    }
};

template <StorageTypes stored, class Compute>
constexpr InChunks<stored, Compute> in_chunks(Compute) {
    return {};
}

}  // namespace vitrine::cpu

/// NAME_chunk of the best instruction set for each chunk, with the types that NAME takes. A macro, because Highway finds
/// the compiled versions of a function by its name.
#define VITRINE_IN_CHUNKS(name)                                 \
    in_chunks<HWY_NAMESPACE::name.types>([](const auto& args) { \
        HWY_EXPORT(name##_chunk);                               \
        for_each_chunk(chunks_of(args), [&](Range range) {      \
            HWY_DYNAMIC_DISPATCH(name##_chunk)(args, range);    \
        });                                                     \
    })
