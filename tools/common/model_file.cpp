// A model in a file that says how to rebuild it: see model_file.h.

#include "tools/common/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/parse_json.h"

namespace vitrine::tools {
namespace {

using Json = nlohmann::json;

constexpr int64_t largest_image = 4096;  // side in pixels

models::ModelOptions model_options(const ModelDescription& description, size_t classes) {
    return {.classes = static_cast<int64_t>(classes),
            .image_size = description.image_size,
            .variant = description.variant};
}

/// The values of a file's metadata, each of exactly the type that it should have. All throw Error naming
/// file and key.
class Metadata {
  public:
    Metadata(const SafeTensors& file, const std::string& source) : file_(file), source_(source) {}

    int64_t whole(const char* key, int64_t low, int64_t high) const {
        const Json value = parse(key, 1);
        if (!value.is_number_integer() || value < low || value > high)
            fail(key, fmt::format("is no whole number from {} to {}", low, high));
        return value.get<int64_t>();
    }
    double number(const char* key, double low, double high) const {
        return checked(parse(key, 1), key, "is no", low, high);
    }
    bool flag(const char* key, bool where_missing) const {
        if (!file_.metadata.contains(key)) return where_missing;
        const Json value = parse(key, 1);
        if (!value.is_boolean()) fail(key, "is neither true nor false");
        return value.get<bool>();
    }
    ImageShape image_shape(const char* key, ImageShape where_missing) const {
        const auto found = file_.metadata.find(key);
        if (found == file_.metadata.end()) return where_missing;
        const std::optional<ImageShape> shape = image_shape_of(found->second);
        if (!shape) fail(key, "is neither square, aspect nor original");
        return *shape;
    }
    std::array<double, 3> channels(const char* key, double low, double high) const {
        const Json list = parse(key, 4);
        if (!list.is_array() || list.size() != 3) fail(key, "is no list of three numbers");
        std::array<double, 3> values{};
        for (size_t i = 0; i < 3; ++i) values[i] = checked(list[i], key, "has a value that is no", low, high);
        return values;
    }
    /// `count` different texts.
    std::vector<std::string> names(const char* key, size_t count) const {
        const Json list = parse(key, count + 1);
        const bool texts = list.is_array() && std::ranges::all_of(list, &Json::is_string);
        if (!texts || list.size() != count)
            fail(key, fmt::format("is no list of {} names, which its last layer has", count));
        auto names = list.get<std::vector<std::string>>();
        const std::set<std::string_view> different(names.begin(), names.end());
        if (different.size() != count) fail(key, "has a name twice");
        return names;
    }

  private:
    /// `values` is the most that there may be, the list itself included.
    Json parse(const char* key, size_t values) const {
        const auto found = file_.metadata.find(key);
        if (found == file_.metadata.end())
            throw Error(fmt::format("{}: its metadata have a model but no {}", source_, key));
        try {
            return parse_json(found->second,
                              {.bytes = found->second.size(), .depth = 1, .values = values, .keys = 0});
        } catch (const Error& error) {
            fail(key, error.what());
        }
    }
    double checked(const Json& value, const char* key, const char* is_no, double low, double high) const {
        if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high))
            fail(key, fmt::format("{} number from {:g} to {:g}", is_no, low, high));
        return value.get<double>();
    }
    [[noreturn]] void fail(const char* key, const std::string& sentence) const {
        throw Error(fmt::format("{}: {} in its metadata {}", source_, key, sentence));
    }

    const SafeTensors& file_;
    const std::string& source_;
};

void check_sizes(const ModelDescription& description, const std::string& source) {
    const EvalTransform& preparation = description.preparation;
    if (description.source.shape != ImageShape::square) {
        if (preparation.center_crop == description.image_size) return;
        throw Error(
            fmt::format("{}: by its metadata images of any size are cropped to {}, but image_size is {}",
                        source, preparation.center_crop, description.image_size));
    }
    const int64_t side = description.source.side, made = preparation.size_of({side, side}).height;
    if (made != description.image_size) {
        throw Error(fmt::format("{}: by its metadata images of {} pixels become {}, but image_size is {}",
                                source, side, made, description.image_size));
    }
}

/// How many classes the last layer of a file has, whose tensors must be those of such a model.
size_t classes_in(const SafeTensors& file, const std::string& source, const ModelDescription& model) {
    const auto outline_for = [&](size_t classes) {
        return models::make_outline(model.model, model_options(model, classes));
    };
    const std::string last = outline_for(1)->trainable().back().name;
    const SafeTensor* bias = file.find(last);
    if (bias == nullptr || bias->shape.rank() != 1 || bias->shape[0] < 1)
        throw Error(fmt::format("{} is not a {}: it has no vector {}", source, model.model, last));
    const auto classes = static_cast<size_t>(bias->shape[0]);
    check_model_state(*outline_for(classes), file, source);
    return classes;
}

}  // namespace

std::map<std::string, std::string> to_metadata(const ModelDescription& description) {
    std::map<std::string, std::string> metadata{
        {"model", description.model},
        {"classes", Json(description.classes).dump()},
        {"image_size", std::to_string(description.image_size)},
        {"exif_orientation", description.exif_orientation ? "true" : "false"},
        {"source_shape", name_of(description.source.shape)},
        {"source_size", std::to_string(description.source.side)},
        {"resize", std::to_string(description.preparation.resize)},
        {"center_crop", std::to_string(description.preparation.center_crop)},
        {"mean", Json(description.preparation.normalize.mean).dump()},
        {"deviation", Json(description.preparation.normalize.stddev).dump()}};
    for (const models::ModelOption& option : models::all_model_options())
        metadata[option.key] = fmt::format("{}", description.variant.*option.value);
    return metadata;
}

std::optional<ModelDescription> description_in(const SafeTensors& file, const std::string& source) {
    const auto model = file.metadata.find("model");
    if (model == file.metadata.end()) return std::nullopt;
    ModelDescription description;
    description.model = models::model_from_name(model->second).name;
    const Metadata metadata(file, source);
    description.image_size = metadata.whole("image_size", 1, largest_image);
    description.source.shape = metadata.image_shape("source_shape", ImageShape::square);
    const bool unlimited = description.source.shape == ImageShape::original;
    description.source.side = metadata.whole("source_size", unlimited ? 0 : 1, largest_image);
    description.exif_orientation = metadata.flag("exif_orientation", false);
    description.preparation.resize = metadata.whole("resize", 0, largest_image);
    description.preparation.center_crop = metadata.whole("center_crop", 0, largest_image);
    ChannelNormalization& normalize = description.preparation.normalize;
    normalize.mean = metadata.channels("mean", -largest_statistic, largest_statistic);
    normalize.stddev = metadata.channels("deviation", smallest_stddev, largest_statistic);
    for (const models::ModelOption& option : models::all_model_options())
        description.variant.*option.value = metadata.number(option.key, option.low, option.high);
    check_sizes(description, source);
    description.classes = metadata.names("classes", classes_in(file, source, description));
    return description;
}

ModelDescription description_of_plain(const SafeTensors& file, const std::string& source,
                                      ModelDescription given) {
    if (given.image_size == 0) given.image_size = models::model_from_name(given.model).image_size;
    given.source = {ImageShape::square, given.image_size};
    const size_t classes = classes_in(file, source, given);
    given.classes.clear();
    for (size_t i = 0; i < classes; ++i) given.classes.push_back(std::to_string(i));
    return given;
}

std::shared_ptr<nn::Module> build_model(const ModelDescription& description, Placement placement,
                                        uint64_t seed) {
    return models::make_model(description.model, model_options(description, description.classes.size()),
                              placement, seed);
}

std::shared_ptr<nn::Module> build_model(const ModelDescription& description, Placement placement,
                                        const SafeTensors& file, const std::string& source) {
    const models::ModelOptions options = model_options(description, description.classes.size());
    check_model_state(*models::make_outline(description.model, options), file, source);
    std::shared_ptr<nn::Module> model = models::make_blank_model(description.model, options, placement);
    load_model_state(*model, file, source);
    return model;
}

}  // namespace vitrine::tools
