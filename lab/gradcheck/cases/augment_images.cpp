// Augmentation programs: every step, alone and in programs that mix them, against the reference's bytes.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

using augment::OpCode;
using augment::Step;

using ProgramSteps = std::vector<Step>;

Step step(OpCode op, Size2 out) {
    Step made;
    made.op = op;
    made.out_height = static_cast<int32_t>(out.height);
    made.out_width = static_cast<int32_t>(out.width);
    const uint8_t fill[]{9, 200, 77};
    std::ranges::copy(fill, made.fill);
    return made;
}

Step step(OpCode op, Size2 out, std::initializer_list<int> integers) {
    Step made = step(op, out);
    std::ranges::copy(integers, made.integers);
    return made;
}

Step step(OpCode op, Size2 out, std::initializer_list<double> reals) {
    Step made = step(op, out);
    std::ranges::copy(reals, made.reals);
    return made;
}

/// What a kernel takes from the host, kept for as long as the problem.
struct Host {
    std::vector<ImagePlace> places;
    std::vector<Step> steps;
    std::vector<int64_t> begins{0};

    void add(const ImagePlace& place, const ProgramSteps& program) {
        places.push_back(place);
        steps.insert(steps.end(), program.begin(), program.end());
        begins.push_back(static_cast<int64_t>(steps.size()));
    }
};

/// All of the host's programs, on `in_count` bytes of pixels.
Problem host_problem(const std::string& shape, std::shared_ptr<const Host> host, int64_t in_count,
                     Size2 out) {
    const auto batch = std::ssize(host->places);
    Problem problem;
    problem.shape = shape;
    problem.tensors = {
        {"images", Role::input, in_count, integers("images", in_count, 256), Element::u8},
        {"y", Role::output, batch * out.height * out.width * 3, {}, Element::u8},
    };
    problem.forward = pass(&KernelTable::augment_images, [=](DType, const Bindings& b) {
        return AugmentImages{batch,
                             out,
                             static_cast<const uint8_t*>(b["images"]),
                             host->places,
                             host->steps,
                             host->begins,
                             static_cast<uint8_t*>(b["y"])};
    });
    return problem;
}

Problem augment_problem(const std::string& name, Size2 in, Size2 out,
                        const std::vector<ProgramSteps>& programs) {
    constexpr int64_t images = 3;
    const auto host = std::make_shared<Host>();
    // Not the images in their order, and some of them twice.
    for (const ProgramSteps& program : programs)
        host->add(place_among_equals((std::ssize(host->places) * 2 + 1) % images, in.height, in.width),
                  program);
    const std::string shape = fmt::format("{}: {} of {}x{} to {}x{}", name, programs.size(), in.height,
                                          in.width, out.height, out.width);
    return host_problem(shape, host, images * in.height * in.width * 3, out);
}

/// A rotation by about half a right angle, in 16-bit fixed point.
Step turned(Size2 out) { return step(OpCode::affine, out, {52000, 40000, -150000, -39000, 53000, 200000}); }

std::vector<ProgramSteps> colours(Size2 s) {
    return {{step(OpCode::brightness, s, {0.6})},
            {step(OpCode::contrast, s, {1.5})},
            {step(OpCode::saturation, s, {0.3})},
            {step(OpCode::sharpness, s, {1.9})},
            {step(OpCode::hue, s, {60})},
            {step(OpCode::grayscale, s)},
            {step(OpCode::posterize, s, {2})},
            {step(OpCode::solarize, s, {100.0})},
            {step(OpCode::invert, s)},
            {step(OpCode::autocontrast, s)},
            {step(OpCode::equalize, s)},
            {}};
}

std::vector<ProgramSteps> moves(Size2 s) {
    return {{step(OpCode::offset, s, {3, -2})},
            {turned(s)},
            {step(OpCode::zoom, s, {-1.3, 1.17, 0.4, 0.83})},
            {step(OpCode::flip_horizontal, s)},
            {step(OpCode::flip_vertical, s)},
            {step(OpCode::turn_left, s)},
            {step(OpCode::turn_right, s)}};
}

std::vector<ProgramSteps> mixtures(Size2 in, Size2 out) {
    const Step grow =
        step(OpCode::resize, out, {0, 0, static_cast<int>(in.width), static_cast<int>(in.height)});
    const Step part = step(OpCode::resize, out, {2, 1, 5, 6});
    return {{grow},
            {part, step(OpCode::flip_horizontal, out), step(OpCode::brightness, out, {1.4})},
            {step(OpCode::equalize, in), turned(in), grow, step(OpCode::contrast, out, {0.5}), turned(out),
             step(OpCode::posterize, out, {3}), step(OpCode::zoom, out, {0.5, 0.9, -2.0, 1.0}),
             step(OpCode::sharpness, out, {0.4})},
            // More moves than are kept at once.
            {grow, turned(out), step(OpCode::flip_vertical, out), step(OpCode::offset, out, {1, 1}),
             turned(out), step(OpCode::flip_horizontal, out), step(OpCode::offset, out, {-2, 0}), turned(out),
             step(OpCode::invert, out), step(OpCode::zoom, out, {0.2, 1.05, 0.1, 0.95}),
             step(OpCode::offset, out, {0, 3}), step(OpCode::autocontrast, out)}};
}

/// Of images so large that many blocks share one: with counted values, mixed channels and resizing in all orders.
std::vector<ProgramSteps> long_programs(Size2 s) {
    const auto width = static_cast<int>(s.width), height = static_cast<int>(s.height);
    const Size2 small{16, 30};
    const Step flip = step(OpCode::flip_horizontal, s), equalize = step(OpCode::equalize, s),
               contrast = step(OpCode::contrast, s, {0.6}), shift = step(OpCode::offset, s, {1, -2});
    return {{},
            {step(OpCode::resize, s, {7, 5, width - 9, height - 20}), flip},
            // One count serves two steps, and after a move it does not.
            {step(OpCode::posterize, s, {4}), equalize, step(OpCode::brightness, s, {0.6}),
             step(OpCode::autocontrast, s), shift, equalize, contrast, flip, contrast},
            {turned(s), step(OpCode::hue, s, {200}), step(OpCode::sharpness, s, {1.7}),
             step(OpCode::saturation, s, {1.6}), equalize, step(OpCode::grayscale, s)},
            // Twice more moves than are kept at once.
            {shift, flip, shift, turned(s), shift, flip, shift, turned(s), shift, step(OpCode::invert, s),
             shift, flip, shift, turned(s), shift, flip, shift, shift},
            // A part of what lies in the second of two areas, then of what lies in the first.
            {flip, step(OpCode::resize, small, {3, 4, width - 3, height - 7}),
             step(OpCode::flip_vertical, small), step(OpCode::flip_horizontal, small),
             step(OpCode::flip_vertical, small), step(OpCode::resize, s, {5, 2, 20, 14}), shift,
             step(OpCode::resize, s, {9, 0, width - 9, height - 1}), step(OpCode::flip_vertical, s)}};
}

/// All steps that a pixel alone can go through.
std::vector<ProgramSteps> of_single_pixels() {
    const Size2 s{1, 1};
    std::vector<ProgramSteps> programs = colours(s);
    for (ProgramSteps& move : moves(s)) programs.push_back(std::move(move));
    programs.push_back({step(OpCode::resize, s, {0, 0, 1, 1}), step(OpCode::equalize, s)});
    return programs;
}

/// Images of their own sizes, with gaps between them: resized whole and in part, and turned before, which makes the
/// image itself whole.
Problem own_sizes(Size2 out) {
    const auto host = std::make_shared<Host>();
    int64_t end = 5;
    for (const Size2 in :
         {Size2{6, 31}, Size2{40, 9}, Size2{13, 13}, Size2{3, 2}, Size2{25, 17}, Size2{90, 131}}) {
        const ImagePlace place{end, static_cast<int32_t>(in.height), static_cast<int32_t>(in.width)};
        const Step whole = step(OpCode::resize, out, {0, 0, place.width, place.height});
        host->add(place, {whole});
        host->add(place, {step(OpCode::resize, out, {1, 1, place.width - 1, place.height - 2}),
                          step(OpCode::flip_horizontal, out), step(OpCode::saturation, out, {1.4})});
        host->add(place, {turned(in), step(OpCode::sharpness, in, {0.4}), whole});
        host->add(place, {step(OpCode::offset, out, {place.width / 2 - 3, place.height / 2 - 2})});
        end += place.bytes() + 7;
    }
    return host_problem(fmt::format("own sizes: {} to {}x{}", host->places.size(), out.height, out.width),
                        host, end, out);
}

}  // namespace

std::vector<Problem> augment_images_problems() {
    const Size2 square{9, 9}, oblong{7, 12}, large{18, 21}, small{4, 5};
    return {
        augment_problem("colours", oblong, oblong, colours(oblong)),
        augment_problem("moves", square, square, moves(square)),
        augment_problem("mixtures", {11, 8}, large, mixtures({11, 8}, large)),
        augment_problem("mixtures", {21, 18}, small, mixtures({21, 18}, small)),
        own_sizes({8, 7}),
        augment_problem("long", {53, 47}, {53, 47}, long_programs({53, 47})),
        augment_problem("single pixels", {1, 1}, {1, 1}, of_single_pixels()),
    };
}

/// Of one image: Tiny-ImageNet's 64 pixels to ImageNet's 224 with colour jitter, rotation and a flip; and a part of a larger
/// image with a flip.
std::vector<Problem> augment_images_layers() {
    const Size2 in{64, 64}, out{224, 224}, photograph{256, 256};
    const Step flip = step(OpCode::flip_horizontal, out);
    return {augment_problem("jitter, rotation, flip", in, out,
                            {{step(OpCode::resize, out, {0, 0, 64, 64}), step(OpCode::brightness, out, {1.2}),
                              step(OpCode::contrast, out, {0.8}), turned(out), flip}}),
            augment_problem("resized crop, flip", photograph, out,
                            {{step(OpCode::resize, out, {40, 30, 180, 150}), flip}})};
}

}  // namespace vitrine::gradcheck
