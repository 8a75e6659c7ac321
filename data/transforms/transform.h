// A transform: one node of an augmentation pipeline, which is data and not code.
//
// A node knows its parameters and how to draw: given a sample's stream of random numbers, it appends the
// steps that it stands for (engine/augment.h) to the sample's program. What the steps do to pixels is a
// kernel's matter. Names, parameters, defaults and distributions are torchvision's.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "data/image_size.h"
#include "data/transforms/draws.h"
#include "engine/augment.h"

namespace vitrine {

/// What a sample's draws have come to so far.
struct Program {
    int64_t width = 0;  // of the image at this point of the program
    int64_t height = 0;
    std::vector<augment::Step> steps{};
    /// What was applied, for people ("rotate 12.3°"); filled only if somebody wants to know.
    bool with_names = false;
    std::vector<std::string> names{};

    /// A step that keeps the size.
    augment::Step& add(augment::OpCode op) { return add(op, width, height); }
    augment::Step& add(augment::OpCode op, int64_t new_width, int64_t new_height) {
        augment::Step& step = steps.emplace_back();
        step.op = op;
        step.out_width = static_cast<int32_t>(width = new_width);
        step.out_height = static_cast<int32_t>(height = new_height);
        return step;
    }
    template <class MakeName>
    void name(MakeName make_name) {
        if (with_names) names.push_back(make_name());
    }
};

using ImageSizes = std::set<ImageSize>;

class Transform {
  public:
    virtual ~Transform() = default;
    virtual void draw(Draws& draws, Program& program) const = 0;
    /// For people, with every parameter: "random_rotation(-45 … 45)".
    virtual std::string describe() const = 0;
    /// Every size that images of these sizes may leave with.
    virtual ImageSizes sizes(const ImageSizes& in) const { return in; }
};

using TransformList = std::vector<std::shared_ptr<const Transform>>;

}  // namespace vitrine
