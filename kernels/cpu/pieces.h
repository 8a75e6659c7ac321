// All parameters of a model, cut into pieces for the cores: most are tiny, and a few hold nearly everything.
#pragma once

#include <span>

#include "kernels/context.h"
#include "kernels/cpu/parallel.h"

namespace vitrine::cpu {

/// Elements [begin, end) of something that has a `count`.
template <class Item>
struct Piece {
    const Item* item;
    int64_t begin;
    int64_t end;
};

/// The pieces of all items in their order, in scratch memory. Where they are cut follows from the counts.
template <class Item>
std::span<const Piece<Item>> cut_into_pieces(std::span<const Item> items, Context& context) {
    int64_t count = 0;
    for (const Item& item : items) count += Chunks::of_elements(item.count).count();
    Piece<Item>* pieces = context.scratch.take<Piece<Item>>(count);
    Piece<Item>* next = pieces;
    for (const Item& item : items) {
        const auto chunks = Chunks::of_elements(item.count);
        for (int64_t chunk = 0; chunk < chunks.count(); ++chunk) {
            *next++ = {&item, chunks.begin(chunk), chunks.end(chunk)};
        }
    }
    return {pieces, static_cast<size_t>(count)};
}

/// Calls body(piece) for each of them, shared between the threads.
template <class Item, class Body>
void parallel_over(std::span<const Piece<Item>> pieces, Body&& body) {
    parallel_for(std::ssize(pieces), [&](int64_t i) { body(pieces[static_cast<size_t>(i)]); });
}

}  // namespace vitrine::cpu
