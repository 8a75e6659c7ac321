// Why a value of the network's input is so: see batch.h.

#include "lab/inspect/terms/batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/finish_arithmetic.h"

namespace vitrine::inspect {
namespace {

void add(TermWriter& writer, std::string label, const std::vector<Factor>& share,
         std::vector<Factor> factors) {
    factors.insert(factors.begin(), share.begin(), share.end());
    Number value(1.0);
    for (const Factor& factor : factors) value = value * factor.value;
    writer.add(value, std::move(label), std::move(factors));
}

}  // namespace

void BatchTerms::write(int64_t element, TermWriter& writer) {
    const Size2 size = making_.plan.programs.out;
    const int64_t index = element % (size.height * size.width * 3), pixel = index / 3;
    Place place{element / (size.height * size.width * 3), pixel / size.width, pixel % size.width,
                static_cast<int>(index % 3), index};
    Place other = place;
    const int64_t count = making_.plan.programs.count();
    other.n = (place.n + count - 1) % count;
    if (finish_.mixing == BatchMixing::mixup) {
        writer.formula(
            "mixup: x = lambda · x of the image + (1 − lambda) · x of the one before it in the batch");
        write_image(place, {{"lambda", finish_.lambda, ""}}, writer);
        write_image(other, {{"1 − lambda", 1 - finish_.lambda, ""}}, writer);
        return;
    }
    const bool pasted = finish_.mixing == BatchMixing::cutmix &&
                        finish::contains(finish_.mixed_box, static_cast<int32_t>(place.row),
                                         static_cast<int32_t>(place.column));
    if (pasted) writer.formula("cutmix: inside of its box is the image before it in the batch");
    write_image(pasted ? other : place, {}, writer);
}

void BatchTerms::write_image(const Place& place, const std::vector<Factor>& share, TermWriter& writer) {
    if (!write_erased(place, share, writer)) write_pixels(place, share, writer);
}

bool BatchTerms::write_erased(const Place& place, const std::vector<Factor>& share,
                              TermWriter& writer) const {
    const auto each = finish_.boxes.size() / static_cast<size_t>(making_.plan.programs.count());
    for (size_t b = each; b-- > 0;) {
        const ErasedBox& erased = finish_.boxes[static_cast<size_t>(place.n) * each + b];
        if (!finish::contains(erased.box, static_cast<int32_t>(place.row),
                              static_cast<int32_t>(place.column)))
            continue;
        writer.formula("random erasing: inside of its box a value, or noise, takes the place of the image");
        const uint32_t word = random_word({finish_.seed, RandomPurpose::erasing_noise, finish_.epoch,
                                           finish_.samples[static_cast<size_t>(place.n)]},
                                          static_cast<uint64_t>(place.index));
        const double value = erased.noise ? static_cast<double>(finish::normal_from_word(word))
                                          : erased.value[static_cast<size_t>(place.colour)];
        add(writer, name_of(place.n), share,
            {{erased.noise ? "normal noise" : "the box's value", value, ""}});
        return true;
    }
    return false;
}

void BatchTerms::write_pixels(const Place& place, const std::vector<Factor>& share, TermWriter& writer) {
    const SourcePixels& pixels = source(place.n);
    const std::string name = name_of(place.n);
    const double mean = finish_.mean[static_cast<size_t>(place.colour)];
    const double deviation = finish_.stddev[static_cast<size_t>(place.colour)];
    const bool noisy = !finish_.poisson.empty(), noise_first = noisy && !finish_.noise_after_normalize;
    writer.formula(fmt::format("x = (pixel / 255{} − mean) / deviation{},  mean = {:g}, deviation = {:g}",
                               noise_first ? " + noise" : "", noisy && !noise_first ? " + noise" : "", mean,
                               deviation));
    writer.formula(fmt::format("pixel: of {}{}", name,
                               pixels.program().empty() ? ", as it is" : ": " + pixels.program()));
    if (!pixels.begins_after().empty())
        writer.formula(fmt::format(
            "{} is no weighted sum of pixels: the terms begin with the image that the last {} left",
            pixels.begins_after(), pixels.begins_after()));

    std::vector<PixelTerm> terms;
    const int level = pixels.terms_of(place.column, place.row, place.colour, terms);
    const Factor scale{"1 / (255 · deviation)", 1 / (255 * deviation), ""};
    for (const PixelTerm& term : terms) {
        std::vector<Factor> factors;
        if (term.share != 1.0) factors.push_back({"weight", term.share, ""});
        switch (term.kind) {
            case PixelTerm::Kind::pixel:
                factors.push_back({fmt::format("pixel[{}]", term.place), term.level, ""});
                break;
            case PixelTerm::Kind::fill:
                factors.push_back({"the fill colour", term.level, ""});
                break;
            case PixelTerm::Kind::rounding:
                factors.push_back({"rounding", term.level, term.place});
                break;
        }
        factors.push_back(scale);
        add(writer, name, share, std::move(factors));
    }
    const Factor one_scaled{"1 / deviation", 1 / deviation, ""};
    if (noise_first) write_noise(place, level / 255.0, {one_scaled}, share, writer);
    add(writer, "the mean of all images", share, {{"−mean", -mean, ""}, one_scaled});
    if (noisy && !noise_first) write_noise(place, (level / 255.0 - mean) / deviation, {}, share, writer);
}

void BatchTerms::write_noise(const Place& place, double value, const std::vector<Factor>& scale,
                             const std::vector<Factor>& share, TermWriter& writer) {
    const auto scaled = [&](std::vector<Factor> factors) {
        factors.insert(factors.end(), scale.begin(), scale.end());
        return factors;
    };
    if (const int32_t largest = largest_noise(); largest > 0) {
        const double number = noise_at(place.n, place.index);
        add(writer, "Poisson noise", share,
            scaled({{"number", number, ""}, {"1 / the batch's largest", 1.0 / largest, ""}}));
        value += number / largest;
    }
    const double clipped = finish_.clip ? std::clamp(value, 0.0, 1.0) : value;
    if (clipped != value)
        add(writer, "clipping", share,
            scaled({{"clipped by", clipped - value, fmt::format("{:.6g} to {:g}", value, clipped)}}));
}

const SourcePixels& BatchTerms::source(int64_t n) {
    const auto found = sources_.find(n);
    if (found != sources_.end()) return found->second;
    const AugmentBatch& programs = making_.plan.programs;
    const auto at = static_cast<size_t>(n);
    const ImagePlace& place = programs.places[at];
    reference::AugmentImage image{place.height, place.width,
                                  making_.pixels.part(place.offset, {place.bytes()}).to_host<uint8_t>()};
    const std::span<const augment::Step> steps =
        std::span(programs.steps)
            .subspan(static_cast<size_t>(programs.begins[at]),
                     static_cast<size_t>(programs.begins[at + 1] - programs.begins[at]));
    return sources_.try_emplace(n, std::move(image), steps).first->second;
}

std::string BatchTerms::name_of(int64_t n) const {
    const auto at = static_cast<size_t>(n);
    const bool named = at < making_.names.size() && !making_.names[at].empty();
    return named ? making_.names[at] : fmt::format("image {} of the batch", n);
}

int32_t BatchTerms::noise_at(int64_t n, int64_t index) const {
    return poisson_number(finish_.poisson.data(), static_cast<int32_t>(finish_.poisson.size()),
                          random_word({finish_.seed, RandomPurpose::poisson_noise, finish_.epoch,
                                       finish_.samples[static_cast<size_t>(n)]},
                                      static_cast<uint64_t>(index)));
}

int32_t BatchTerms::largest_noise() {
    if (!largest_noise_) {
        const Size2 size = making_.plan.programs.out;
        int32_t largest = 0;
        for (int64_t n = 0; n < making_.plan.programs.count(); ++n)
            for (int64_t i = 0; i < size.height * size.width * 3; ++i)
                largest = std::max(largest, noise_at(n, i));
        largest_noise_ = largest;
    }
    return *largest_noise_;
}

}  // namespace vitrine::inspect
