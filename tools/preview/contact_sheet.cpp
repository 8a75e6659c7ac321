// The augmentation preview: see contact_sheet.h.

#include "tools/preview/contact_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "data/resize.h"
#include "engine/escape.h"
#include "tools/common/input_maker.h"
#include "tools/common/shown_image.h"
#include "tools/preview/canvas.h"

namespace vitrine::tools {
namespace {

constexpr Color paper{255, 255, 255}, ink{20, 20, 20}, faint{110, 110, 110};
constexpr int64_t gap = 10;             // between cells, and around all of them
constexpr int64_t section_gap = 34;     // between training and validation
constexpr int64_t smallest_side = 128;  // of a cell: narrower ones have no room for names

struct Cell {
    Image image;
    std::vector<std::string> captions{};  // below it, each on lines of its own
};
using Row = std::vector<Cell>;

/// A class's image of that number, in the set's order.
struct Choice {
    int32_t label;
    int64_t number;
};

/// Spread evenly over the classes; where there are more images than classes, the classes' next ones follow.
std::vector<Choice> even_choices(int64_t classes, int64_t images) {
    std::vector<Choice> choices;
    for (int64_t i = 0; i < images; ++i)
        choices.push_back(images <= classes ? Choice{static_cast<int32_t>(i * classes / images), 0}
                                            : Choice{static_cast<int32_t>(i % classes), i / classes});
    return choices;
}

std::optional<int64_t> find_sample(const ImageSet& set, Choice choice) {
    for (int64_t sample = 0; sample < set.count; ++sample)
        if (set.labels[static_cast<size_t>(sample)] == choice.label && choice.number-- == 0) return sample;
    return std::nullopt;
}

/// As large as the cell allows; small ones are enlarged in whole pixels, so that they can be seen.
Image fitted(const Image& image, int64_t side) {
    const int64_t longer = std::max(image.height, image.width);
    if (longer > side)
        return resize(image, std::max<int64_t>(image.height * side / longer, 1),
                      std::max<int64_t>(image.width * side / longer, 1));
    const int64_t times = side / longer;
    Image larger = make_canvas(image.height * times, image.width * times, paper);
    for (int64_t y = 0; y < larger.height; ++y)
        for (int64_t x = 0; x < larger.width; ++x)
            std::copy_n(image.pixels.begin() + ((y / times) * image.width + x / times) * 3, 3,
                        larger.pixels.begin() + (y * larger.width + x) * 3);
    return larger;
}

/// The network's inputs as pictures again.
std::vector<Image> pictures_of(const Tensor& inputs, const ChannelNormalization& normalize) {
    const std::vector<float> values = inputs.to_host<float>();
    const Shape& shape = inputs.shape();
    std::vector<Image> pictures;
    for (int64_t n = 0; n < shape[0]; ++n) {
        Image picture = make_canvas(shape[1], shape[2], paper);
        for (size_t i = 0; i < picture.pixels.size(); ++i) {
            const double value = values[static_cast<size_t>(n) * picture.pixels.size() + i];
            const double share = value * normalize.stddev[i % 3] + normalize.mean[i % 3];
            picture.pixels[i] = static_cast<uint8_t>(std::lround(std::clamp(share, 0.0, 1.0) * 255.0));
        }
        pictures.push_back(std::move(picture));
    }
    return pictures;
}

Cell original(const Dataset& dataset, const ImageSet& set, int64_t sample) {
    const auto label = static_cast<size_t>(set.labels[static_cast<size_t>(sample)]);
    return {tools::shown_image(set, sample), {dataset.class_names.at(label)}};
}

std::string applied(const ImageSet& set, const TrainTransform& transform, uint64_t seed, uint32_t epoch,
                    int64_t sample) {
    const ImagePlace place = set.place(sample);
    Program program{.width = place.width, .height = place.height};
    program.with_names = true;
    transform.draw(seed, epoch, static_cast<uint32_t>(sample), program);
    return fmt::format("{}", fmt::join(program.names, ", "));
}

std::string percent(double share) {
    const double whole = std::round(100.0 * share);
    if (whole == 0.0 && share > 0.0) return "<1%";
    return whole == 100.0 && share < 1.0 ? ">99%" : fmt::format("{:.0f}%", whole);
}

/// Of a class with a long name so much as a caption has room for.
std::string short_name(const std::string& name) {
    constexpr size_t longest = 48;
    return printable(name, longest);
}

/// What each image's target is made of. Nothing where nothing was mixed.
std::vector<std::string> mixtures(const Dataset& dataset, const Batch& batch, const NetworkInput& input) {
    if (!input.labels_b.defined()) return {};
    const std::vector<int32_t> others = input.labels_b.to_host<int32_t>();
    std::vector<std::string> texts;
    for (size_t n = 0; n < others.size(); ++n) {
        const auto own = static_cast<size_t>(batch.labels[n]), other = static_cast<size_t>(others[n]);
        texts.push_back(
            mixture_text(input.lambda, dataset.class_names.at(own), dataset.class_names.at(other)));
    }
    return texts;
}

std::vector<Row> training_rows(const Dataset& dataset, const TrainTransform& transform,
                               const std::vector<int64_t>& samples, int epochs, uint64_t seed) {
    const ImageSet& set = dataset.train;
    const InputMaker maker(set, transform, {DType::f32, Device::cpu}, seed);
    const Batch batch = batch_of(set, samples);
    std::vector<Row> rows;
    for (const int64_t sample : samples) rows.push_back({original(dataset, set, sample)});
    for (int i = 1; i <= epochs; ++i) {
        const auto epoch = static_cast<uint32_t>(i);
        const NetworkInput input = maker.make(batch, epoch);
        const std::vector<Image> pictures = pictures_of(input.images, transform.normalize);
        const std::vector<std::string> mixed = mixtures(dataset, batch, input);
        for (size_t n = 0; n < samples.size(); ++n) {
            Cell cell{pictures[n]};
            if (!mixed.empty()) cell.captions.push_back(mixed[n]);
            const std::string ops = applied(set, transform, seed, epoch, samples[n]);
            if (!ops.empty() || mixed.empty()) cell.captions.push_back(ops.empty() ? "nothing" : ops);
            rows[n].push_back(std::move(cell));
        }
    }
    return rows;
}

/// The original and what validation sees of it; nothing for a set without that image.
Row validation_cells(const Dataset& dataset, const EvalTransform& transform, const Choice& choice) {
    const ImageSet& set = dataset.validation;
    const std::optional<int64_t> sample = find_sample(set, choice);
    if (!sample) return {};
    const InputMaker maker(set, transform, {DType::f32, Device::cpu});
    const Tensor input = maker.make(batch_of(set, {*sample}), 0).images;
    return {original(dataset, set, *sample), {pictures_of(input, transform.normalize).front()}};
}

/// Rows of cells with a heading each, and two sections side by side.
class Sheet {
  public:
    Sheet(std::vector<Row> rows, std::vector<std::string> headings, size_t validation_column)
        : rows_(std::move(rows)), headings_(std::move(headings)), validation_column_(validation_column) {
        side_ = smallest_side;
        for (const Row& row : rows_)
            for (const Cell& cell : row) side_ = std::max({side_, cell.image.height, cell.image.width});
        side_ = std::min<int64_t>(side_, 256);
    }

    Image draw(const std::string& training, const std::string& validation) const {
        const int64_t width = left_of(headings_.size());
        const std::vector<std::string> lines = title_lines(training, validation, width - 2 * gap);
        int64_t height = gap + static_cast<int64_t>(lines.size() + 1) * line() + 2 * gap;
        for (const Row& row : rows_) height += height_of(row);
        Image canvas = make_canvas(height, width, paper);
        int64_t y = gap;
        for (const std::string& text : lines) {
            font_.draw(canvas, text, gap, y, ink);
            y += line();
        }
        y += gap;
        for (size_t column = 0; column < headings_.size(); ++column)
            font_.draw(canvas, headings_[column], left_of(column), y, faint);
        y += line() + gap / 2;
        for (const Row& row : rows_) {
            draw_row(canvas, row, y);
            y += height_of(row);
        }
        return canvas;
    }

  private:
    int64_t line() const { return font_.line_height() + 1; }
    int64_t left_of(size_t column) const {
        const int64_t apart = column >= validation_column_ ? section_gap - gap : 0;
        return gap + static_cast<int64_t>(column) * (side_ + gap) + apart;
    }
    std::vector<std::string> caption_lines(const Cell& cell) const {
        std::vector<std::string> lines;
        for (const std::string& caption : cell.captions)
            for (std::string& text : font_.wrap(caption, side_)) lines.push_back(std::move(text));
        return lines;
    }
    int64_t height_of(const Row& row) const {
        int64_t most = 0;
        for (const Cell& cell : row)
            most = std::max(most, fitted(cell.image, side_).height +
                                      line() * static_cast<int64_t>(caption_lines(cell).size()));
        return most + gap + 4;
    }
    std::vector<std::string> title_lines(const std::string& training, const std::string& validation,
                                         int64_t width) const {
        std::vector<std::string> lines = font_.wrap("Training: " + training, width);
        for (std::string& text : font_.wrap("Validation: " + validation, width))
            lines.push_back(std::move(text));
        return lines;
    }
    void draw_row(Image& canvas, const Row& row, int64_t top) const {
        for (size_t column = 0; column < row.size(); ++column) {
            const Image image = fitted(row[column].image, side_);
            paste(canvas, image, left_of(column), top);
            int64_t y = top + image.height + 2;
            for (const std::string& text : caption_lines(row[column])) {
                font_.draw(canvas, text, left_of(column), y, ink);
                y += line();
            }
        }
    }

    std::vector<Row> rows_;
    std::vector<std::string> headings_;
    size_t validation_column_;
    int64_t side_ = 0;
    Font font_{14};
};

}  // namespace

std::string mixture_text(double share, const std::string& own, const std::string& other) {
    if (own == other) return "100% " + short_name(own);
    return fmt::format("{} {}, {} {}", percent(share), short_name(own), percent(1.0 - share),
                       short_name(other));
}

std::vector<uint8_t> preview_sheet(const Dataset& dataset, const Transforms& transforms, int images,
                                   int epochs, uint64_t seed) {
    std::vector<Choice> choices = even_choices(static_cast<int64_t>(dataset.class_names.size()), images);
    std::erase_if(choices, [&](const Choice& choice) { return !find_sample(dataset.train, choice); });
    std::vector<int64_t> samples;
    for (const Choice& choice : choices) samples.push_back(*find_sample(dataset.train, choice));
    std::vector<Row> rows = training_rows(dataset, transforms.train, samples, epochs, seed);
    std::vector<std::string> headings{"original"};
    for (int epoch = 1; epoch <= epochs; ++epoch) headings.push_back(fmt::format("epoch {}", epoch));
    const size_t validation_column = headings.size();
    if (dataset.validation.count > 0) {
        for (size_t n = 0; n < rows.size(); ++n)
            for (Cell& cell : validation_cells(dataset, transforms.evaluation, choices[n]))
                rows[n].push_back(std::move(cell));
        headings.insert(headings.end(), {"validation image", "what validation sees"});
    }
    const Sheet sheet(std::move(rows), std::move(headings), validation_column);
    return png_of(sheet.draw(transforms.train.describe(), transforms.evaluation.describe()));
}

}  // namespace vitrine::tools
