// The host cuts the augmentation programs of a batch into passes.
//
// Steps are gathered as in kernels/cpu/augment_image.h: an image is always whole pixels → tables → moves, and a
// pass makes it whole where a step needs its neighbours, mixes its channels or counts it after moves. The k-th
// passes of all images are a round, which is one launch: between rounds, memory is as the round before has left it.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "kernels/augment_images.h"
#include "kernels/augment_resize.h"
#include "kernels/cuda/augment_pass.h"

namespace vitrine::VITRINE_GPU {

class AugmentPlan {
  public:
    /// Images in between lie in `areas`, two of `area` bytes for each image. Steps whose table is made of counted
    /// values are told where these are: integers[0] of `steps`, in words.
    AugmentPlan(const AugmentImages& args, std::vector<augment::Step>& steps, uint8_t* areas, int64_t area)
        : steps_(steps), area_(area) {
        const int64_t out_bytes = args.out.height * args.out.width * 3;
        for (size_t n = 0; n < args.places.size(); ++n) {
            const ImagePlace& place = args.places[n];
            const auto index = static_cast<int64_t>(n);
            image_ = {.areas = areas + index * 2 * area,
                      .y = args.y + index * out_bytes,
                      .end = static_cast<int32_t>(args.begins[n + 1]),
                      .first = static_cast<int32_t>(args.begins[n]),
                      .from = args.images + place.offset,
                      .whole = {place.height, place.width},
                      .moved = {place.height, place.width}};
            for (int32_t s = image_.first; s < image_.end; ++s) {
                if (s >= image_.first) add_step(s);  // else the step before it has done it
            }
            if (image_.from != image_.y) add_writing(PassKind::write, image_.end, image_.end);
        }
    }

    std::vector<std::vector<AugmentPass>> rounds;
    std::vector<AugmentAxis> axes;
    int64_t axis_words = 0;
    int32_t statistics_words = 0;

  private:
    struct Extent {
        int32_t height = 0;
        int32_t width = 0;
    };

    /// What is known of the image at this point of its program.
    struct Image {
        uint8_t* areas = nullptr;
        uint8_t* y = nullptr;
        int32_t end = 0;    // of the program
        int32_t first = 0;  // the step since which `from` is whole
        const uint8_t* from = nullptr;
        bool in_first_area = false;  // `from` is
        Extent whole{};              // the size of `from`
        Extent moved{};              // and after the moves since then
        int moves = 0;               // since then
        int32_t histograms = -1;     // of `from`, in words; −1: not counted yet
        size_t round = 0;            // of the next pass
    };

    void add_step(int32_t s) {
        augment::Step& step = steps_[static_cast<size_t>(s)];
        switch (kind_of(step.op)) {
            case StepKind::move:
                if (image_.moves == augment_most_moves) make_whole(s);
                ++image_.moves;
                image_.moved = {step.out_height, step.out_width};
                return;
            case StepKind::value:
                return;
            case StepKind::histogram:
                if (image_.moves > 0) make_whole(s);
                if (image_.histograms < 0)
                    image_.histograms = add_counting(PassKind::count_values, s, 3 * 256);
                step.integers[0] = image_.histograms;
                return;
            case StepKind::luma:
                if (image_.moves > 0) make_whole(s);
                step.integers[0] = add_counting(PassKind::sum_luma, s, 1);
                return;
            case StepKind::mixture:
                return add_writing(PassKind::mix, s, s + 1);
            case StepKind::smoothing:
                make_whole(s);
                return add_writing(PassKind::sharpen, s, s + 1);
            case StepKind::resizing:
                make_whole(s);
                return add_resizing(step, flips_from(s + 1));
        }
    }

    /// Flips that follow a resizing at once cost nothing: its outputs are made in the other order.
    struct Flips {
        bool horizontal = false;
        bool vertical = false;
        int32_t next = 0;  // the step behind them
    };
    Flips flips_from(int32_t s) const {
        Flips flips{.next = s};
        for (; flips.next < image_.end; ++flips.next) {
            const augment::OpCode op = steps_[static_cast<size_t>(flips.next)].op;
            if (op == augment::OpCode::flip_horizontal)
                flips.horizontal = !flips.horizontal;
            else if (op == augment::OpCode::flip_vertical)
                flips.vertical = !flips.vertical;
            else
                break;
        }
        return flips;
    }

    /// The image that step s finds.
    void make_whole(int32_t s) {
        if (image_.first < s) add_writing(PassKind::write, s, s);
    }

    /// A pass that makes the image whole, up to step `next`.
    void add_writing(PassKind kind, int32_t last, int32_t next) {
        add({.kind = kind,
             .last = last,
             .out_height = image_.moved.height,
             .out_width = image_.moved.width,
             .to = destination(next)});
        is_whole(image_.moved, next);
    }

    /// Where the pass puts what it counts.
    int32_t add_counting(PassKind kind, int32_t last, int32_t words) {
        const int32_t statistics = statistics_words;
        statistics_words += words;
        add({.kind = kind,
             .last = last,
             .out_height = image_.whole.height,
             .out_width = image_.whole.width,
             .statistics = statistics});
        return statistics;
    }

    /// One axis, then the other, of a part of the image.
    void add_resizing(const augment::Step& step, const Flips& flips) {
        const int32_t* box = step.integers;
        const augment::ResizeAxis columns{box[2], step.out_width}, rows{box[3], step.out_height};
        const int64_t stride = int64_t{image_.whole.width} * 3;
        const Extent out{step.out_height, step.out_width};
        image_.from += box[1] * stride + int64_t{box[0]} * 3;
        if (augment::resize_rows_first(rows, columns)) {
            add_axis(PassKind::rows, rows, flips.vertical, stride, {out.height, box[2]}, flips.next - 1);
            add_axis(PassKind::columns, columns, flips.horizontal, int64_t{box[2]} * 3, out, flips.next);
        } else {
            add_axis(PassKind::columns, columns, flips.horizontal, stride, {box[3], out.width},
                     flips.next - 1);
            add_axis(PassKind::rows, rows, flips.vertical, int64_t{out.width} * 3, out, flips.next);
        }
    }

    void add_axis(PassKind kind, const augment::ResizeAxis& axis, bool mirrored, int64_t stride, Extent out,
                  int32_t next) {
        add({.kind = kind,
             .last = image_.first,
             .out_height = out.height,
             .out_width = out.width,
             .stride = stride,
             .axis = room_of({static_cast<int32_t>(axis.input), static_cast<int32_t>(axis.output)}),
             .mirrored = mirrored ? 1 : 0,
             .to = destination(next)});
        is_whole(out, next);
    }

    /// Axes of equal lengths share their weights.
    int64_t room_of(std::pair<int32_t, int32_t> lengths) {
        const auto [known, is_new] = rooms_.try_emplace(lengths, axis_words);
        if (is_new) axis_words += axes.emplace_back(lengths.first, lengths.second, axis_words).words();
        return known->second;
    }

    /// The last pass writes the result, all others the area that they do not read.
    uint8_t* destination(int32_t next) const {
        if (next == image_.end) return image_.y;
        return image_.in_first_area ? image_.areas + area_ : image_.areas;
    }

    void is_whole(Extent size, int32_t next) {
        image_.whole = image_.moved = size;
        image_.first = next;
        image_.moves = 0;
        image_.histograms = -1;
    }

    /// The next pass of the image.
    void add(AugmentPass pass) {
        pass.first = image_.first;
        pass.height = image_.whole.height;
        pass.width = image_.whole.width;
        pass.row = Divisor(pass.out_width);
        pass.from = image_.from;
        if (rounds.size() == image_.round) rounds.emplace_back();
        rounds[image_.round++].push_back(pass);
        if (only_counts(pass.kind)) return;
        image_.from = pass.to;
        image_.in_first_area = pass.to == image_.areas;
    }

    std::vector<augment::Step>& steps_;
    int64_t area_;
    Image image_;
    std::map<std::pair<int32_t, int32_t>, int64_t> rooms_;
};

}  // namespace vitrine::VITRINE_GPU
