// From a body that is written once for all types to what an Implementation calls.
//
// A body is a lambda over the type that is stored, `T`. It captures nothing, so that its type alone tells what to call:
//
//     constexpr auto forward = all_types([]<class T>(const AddForward& args, Context&) {
//         ...  // args.dtype is T's
//     });
//     constexpr Implementation<AddForward> forward_list[]{{"loops", refuses_nothing, forward}};
//
// Which types an implementation takes is said there and nowhere else: the list refuses the others.
#pragma once

#include "kernels/dtype.h"

namespace vitrine {

/// Of an argument struct's dtype, what an implementation takes.
enum class StorageTypes : unsigned char {
    computed,  // f32 and f64
    all,       // bf16 and f16, too
};

struct Context;

/// A body, compiled for each of the types.
template <class Body, StorageTypes stored>
struct TypedBody {
    static constexpr StorageTypes types = stored;

    /// Calls the body of args.dtype.
    template <class Args, class... More>
    decltype(auto) operator()(const Args& args, More&&... more) const {
        const auto with_type = [&]<class T>() -> decltype(auto) {
            return Body{}.template operator()<T>(args, more...);
        };
        if constexpr (types == StorageTypes::all) {
            return dispatch_storage(args.dtype, with_type);
        } else {
            return dispatch_float(args.dtype, with_type);
        }
    }

    /// The same as a function: Implementation::run.
    template <class Args>
    static void run(const Args& args, Context& context) {
        TypedBody{}(args, context);
    }
};

/// `body` for f32, f64, bf16 and f16.
template <class Body>
constexpr TypedBody<Body, StorageTypes::all> all_types(Body) {
    return {};
}

/// `body` for the types that are computed in: f32 and f64.
template <class Body>
constexpr TypedBody<Body, StorageTypes::computed> computed_types(Body) {
    return {};
}

}  // namespace vitrine
