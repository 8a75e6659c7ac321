// One image's augmentation program, run by one block of threads.
//
// The block walks through the program together: every branch depends on the program alone, so all threads
// take it, and every pass over the image is a loop that its threads share. As on the cpu device
// (kernels/cpu/augment_image.h tells why it is right), steps that map values become three tables in shared
// memory, steps that move pixels become a chain of coordinates, and the image is made whole only where a step
// needs its neighbours, mixes its channels or counts it.
#pragma once

#include "kernels/cuda/augment_block_resize.h"
#include "kernels/cuda/augment_step.h"

namespace vitrine::VITRINE_GPU {

/// The block's own memory beside the pixels.
struct AugmentShared {
    uint8_t tables[3][256];
    int32_t counts[3][256];  // histograms
    int32_t partial[augment_threads];
    AugmentMove moves[augment_most_moves];
};

/// Images in between lie in global memory: three areas, which fit the L2 cache. `weights` has room for the
/// resize weights of one axis, `places` has the positions of all zooms.
struct AugmentAreas {
    uint8_t* first;
    int64_t bytes;  // of each of the three areas
    int32_t* weights;
    const int32_t* places;
};

class AugmentMachine {
  public:
    __device__ AugmentMachine(const uint8_t* pixels, int height, int width, const AugmentAreas& areas,
                              AugmentShared& shared)
        : pixels_(pixels), height_(height), width_(width), areas_(areas), shared_(shared) {
        reset_tables();
    }

    __device__ void apply(const augment::Step& step);
    /// Writes the image, [height, width, 3].
    __device__ void write(uint8_t* to) const;

  private:
    using Pixel = augment::Pixel;

    static __device__ __forceinline__ int thread() { return static_cast<int>(threadIdx.x); }
    __device__ __forceinline__ int out_height() const {
        return moves_ > 0 ? shared_.moves[moves_ - 1].out_height : height_;
    }
    __device__ __forceinline__ int out_width() const {
        return moves_ > 0 ? shared_.moves[moves_ - 1].out_width : width_;
    }
    /// An area that neither holds the image nor is `taken`.
    __device__ uint8_t* free_area(const uint8_t* taken = nullptr) const {
        uint8_t* area = areas_.first;
        while (area == pixels_ || area == taken) area += areas_.bytes;
        return area;
    }

    __device__ void reset_tables();
    template <class F>
    __device__ void add_table(F f);
    __device__ void add_move(const augment::Step& step);
    __device__ void make_whole();
    __device__ Pixel looked_up(const uint8_t* from) const;
    __device__ Pixel moved(int x, int y) const;
    template <class F>
    __device__ void map_pixels(F f);
    __device__ void count_values();
    __device__ int64_t luma_sum();
    __device__ void contrast(float factor);
    __device__ void equalize();
    __device__ void autocontrast();
    __device__ void sharpness(float factor);
    __device__ void resize(const augment::Step& step);

    const uint8_t* pixels_;
    int height_;  // of what pixels_ points to
    int width_;
    AugmentAreas areas_;
    AugmentShared& shared_;
    int moves_ = 0;
    bool has_tables_ = false;
};

__device__ inline void AugmentMachine::reset_tables() {
    __syncthreads();
    for (int c = 0; c < 3; ++c) shared_.tables[c][thread()] = static_cast<uint8_t>(thread());
    moves_ = 0;
    has_tables_ = false;
    __syncthreads();
}

/// Follows the tables, and the colours that moves fill with, by f(value, channel). One thread an entry.
template <class F>
__device__ void AugmentMachine::add_table(F f) {
    for (int c = 0; c < 3; ++c) shared_.tables[c][thread()] = f(shared_.tables[c][thread()], c);
    if (thread() < moves_) {
        for (int c = 0; c < 3; ++c) shared_.moves[thread()].fill[c] = f(shared_.moves[thread()].fill[c], c);
    }
    has_tables_ = true;
    __syncthreads();
}

__device__ inline void AugmentMachine::add_move(const augment::Step& step) {
    if (moves_ == augment_most_moves) make_whole();
    if (thread() == 0) shared_.moves[moves_] = move_of(step);
    ++moves_;
    __syncthreads();
}

__device__ inline AugmentMachine::Pixel AugmentMachine::looked_up(const uint8_t* from) const {
    return {shared_.tables[0][from[0]], shared_.tables[1][from[1]], shared_.tables[2][from[2]]};
}

/// The pixel (x, y) of the image, followed back through the moves: the first that leads out of its image
/// gives the colour.
__device__ inline AugmentMachine::Pixel AugmentMachine::moved(int x, int y) const {
    PixelPlace at{x, y};
    for (int m = moves_ - 1; m >= 0; --m) {
        const AugmentMove& move = shared_.moves[m];
        const int width = m == 0 ? width_ : shared_.moves[m - 1].out_width;
        const int height = m == 0 ? height_ : shared_.moves[m - 1].out_height;
        at = moved_back(move, at, width, height, areas_.places);
        if (at.x < 0 || at.x >= width || at.y < 0 || at.y >= height) return pixel_at(move.fill);
    }
    return looked_up(pixels_ + (static_cast<int64_t>(at.y) * width_ + at.x) * 3);
}

__device__ inline void AugmentMachine::write(uint8_t* to) const {
    const int width = out_width(), count = out_height() * width;
    for (int i = thread(); i < count; i += augment_threads) {
        put_pixel(to + i * 3, moves_ == 0 ? looked_up(pixels_ + i * 3) : moved(i % width, i / width));
    }
}

__device__ inline void AugmentMachine::make_whole() {
    if (moves_ == 0 && !has_tables_) return;
    uint8_t* to = free_area();
    write(to);
    height_ = out_height();
    width_ = out_width();
    pixels_ = to;
    reset_tables();
}

template <class F>
__device__ void AugmentMachine::map_pixels(F f) {
    uint8_t* to = free_area();
    const int width = out_width(), height = out_height(), count = height * width;
    for (int i = thread(); i < count; i += augment_threads) {
        put_pixel(to + i * 3, f(moves_ == 0 ? looked_up(pixels_ + i * 3) : moved(i % width, i / width)));
    }
    height_ = height;
    width_ = width;
    pixels_ = to;
    reset_tables();
}

/// Histograms of the three channels, by integer atomics: sums of integers do not depend on their order.
__device__ inline void AugmentMachine::count_values() {
    if (moves_ > 0) make_whole();
    for (int c = 0; c < 3; ++c) shared_.counts[c][thread()] = 0;
    __syncthreads();
    const int count = height_ * width_;
    for (int i = thread(); i < count; i += augment_threads) {
        const Pixel p = looked_up(pixels_ + i * 3);
        atomicAdd(&shared_.counts[0][p.red], 1);
        atomicAdd(&shared_.counts[1][p.green], 1);
        atomicAdd(&shared_.counts[2][p.blue], 1);
    }
    __syncthreads();
}

/// Of the whole image, for every thread.
__device__ inline int64_t AugmentMachine::luma_sum() {
    if (moves_ > 0) make_whole();
    const int count = height_ * width_;
    int32_t sum = 0;  // at most 255 · pixels / threads
    for (int i = thread(); i < count; i += augment_threads) sum += augment::luma(looked_up(pixels_ + i * 3));
    shared_.partial[thread()] = sum;
    __syncthreads();
    int64_t total = 0;
    for (int i = 0; i < augment_threads; ++i) total += shared_.partial[i];
    __syncthreads();
    return total;
}

__device__ inline void AugmentMachine::autocontrast() {
    count_values();
    int low[3], high[3];
    for (int c = 0; c < 3; ++c) {
        low[c] = 0;
        high[c] = 255;
        while (shared_.counts[c][low[c]] == 0) ++low[c];
        while (shared_.counts[c][high[c]] == 0) --high[c];
    }
    add_table([&](uint8_t value, int c) { return augment::stretch(value, low[c], high[c]); });
}

/// Every entry needs how many pixels are darker; a thread adds up to its own value.
__device__ inline void AugmentMachine::equalize() {
    count_values();
    int64_t step[3];
    for (int c = 0; c < 3; ++c) step[c] = augment::equalize_step(shared_.counts[c]);
    add_table([&](uint8_t value, int c) {
        if (step[c] == 0) return value;
        int64_t below = 0;
        for (int darker = 0; darker < value; ++darker) below += shared_.counts[c][darker];
        return augment::equalized(below, step[c]);
    });
}

__device__ inline void AugmentMachine::sharpness(float factor) {
    make_whole();
    uint8_t* to = free_area();
    const int row = width_ * 3, count = height_ * row;
    for (int i = thread(); i < count; i += augment_threads) {
        const int y = i / row, x = (i - y * row) / 3;
        const bool at_border = y == 0 || y + 1 == height_ || x == 0 || x + 1 == width_;
        to[i] = sharpened(pixels_ + i, row, at_border, factor);
    }
    pixels_ = to;
    __syncthreads();
}

__device__ inline void AugmentMachine::resize(const augment::Step& step) {
    make_whole();
    const int32_t* box = step.integers;
    const augment::ResizeAxis columns{box[2], step.out_width}, rows{box[3], step.out_height};
    const uint8_t* part = pixels_ + (static_cast<int64_t>(box[1]) * width_ + box[0]) * 3;
    uint8_t* between = free_area();
    uint8_t* to = free_area(between);
    if (augment::resize_rows_first(rows, columns)) {
        resize_rows(part, width_ * 3, box[2], rows, areas_.weights, between);
        resize_columns(between, box[2] * 3, step.out_height, columns, areas_.weights, to);
    } else {
        resize_columns(part, width_ * 3, box[3], columns, areas_.weights, between);
        resize_rows(between, step.out_width * 3, step.out_width, rows, areas_.weights, to);
    }
    pixels_ = to;
    height_ = step.out_height;
    width_ = step.out_width;
}

__device__ inline void AugmentMachine::contrast(float factor) {
    const int64_t sum = luma_sum();
    const uint8_t mean = augment::mean_luma(sum, static_cast<int64_t>(height_) * width_);
    add_table([=](uint8_t v, int) { return augment::blend(mean, v, factor); });
}

__device__ inline void AugmentMachine::apply(const augment::Step& step) {
    switch (kind_of(step.op)) {
        case StepKind::move:
            return add_move(step);
        case StepKind::value:
            return add_table([&](uint8_t v, int) { return value_after(step, v); });
        case StepKind::histogram:
            return step.op == augment::OpCode::equalize ? equalize() : autocontrast();
        case StepKind::luma:
            return contrast(static_cast<float>(step.reals[0]));
        case StepKind::mixture:
            return map_pixels([&](Pixel p) { return pixel_after(step, p); });
        case StepKind::smoothing:
            return sharpness(static_cast<float>(step.reals[0]));
        case StepKind::resizing:
            return resize(step);
    }
}

}  // namespace vitrine::VITRINE_GPU
