// Augmentation as the host describes it: the programs of a batch, and what else happens to its images before the
// network sees them. ops::augment_images and ops::finish_images do it; engine/step/input.h calls them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/augment_program.h"
#include "kernels/augment_resize.h"
#include "kernels/conv.h"
#include "kernels/finish_images.h"
#include "kernels/image_place.h"
#include "kernels/poisson.h"

namespace vitrine {

/// The programs of a batch. All end at the size `out`.
struct AugmentBatch {
    std::vector<ImagePlace> places;    // of image n of the batch among the pixels of all
    std::vector<augment::Step> steps;  // of all programs, one after the other
    std::vector<int64_t> begins{0};    // program n is steps begins[n] … begins[n + 1] − 1
    Size2 out;

    void add(const ImagePlace& place, std::span<const augment::Step> program) {
        places.push_back(place);
        steps.insert(steps.end(), program.begin(), program.end());
        begins.push_back(static_cast<int64_t>(steps.size()));
    }
    int64_t count() const { return static_cast<int64_t>(begins.size()) - 1; }
};

/// What becomes of the samples of a batch, decided on the host.
struct InputPlan {
    std::vector<int32_t> labels;    // [count]
    std::vector<int32_t> labels_b;  // [count]: of the images mixed in; empty where nothing was mixed
    AugmentBatch programs;
    ImageFinish finish;             // its spans are the vectors below, and a table of the planner's
    std::vector<uint32_t> samples;  // [count]
    std::vector<ErasedBox> boxes;

    InputPlan() = default;
    InputPlan(InputPlan&&) = default;
    InputPlan& operator=(InputPlan&&) = default;
};

}  // namespace vitrine
