// A model in a file that says how to rebuild it: see model_file.h.

#include "tools/common/model_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "models/models.h"

namespace vitrine::tools {
namespace {

using Json = nlohmann::json;

models::ModelOptions model_options(const ModelDescription& description) {
    return {.classes = static_cast<int64_t>(description.classes.size()),
            .image_size = description.image_size,
            .width_mult = description.width_mult,
            .dropout = description.dropout};
}

/// A value of the metadata as JSON. Throws Error naming it.
template <class T>
T value_of(const SafeTensors& file, const std::string& source, const std::string& key) {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end())
        throw Error(fmt::format("{}: its metadata have a model but no {}", source, key));
    try {
        return Json::parse(found->second).get<T>();
    } catch (const Json::exception&) {
        throw Error(fmt::format("{}: {} in its metadata cannot be read: {}", source, key, found->second));
    }
}

/// Throws Error where an image's side would be none.
void check_side(int64_t side, int64_t smallest, const std::string& key, const std::string& source) {
    if (side < smallest || side > 4096)
        throw Error(
            fmt::format("{}: {} {} in its metadata is not from {} to 4096", source, key, side, smallest));
}

void check(const ModelDescription& description, const std::string& source) {
    if (description.classes.empty()) throw Error(source + ": its metadata name no classes");
    check_side(description.image_size, 1, "image_size", source);
    check_side(description.source_size, 1, "source_size", source);
    check_side(description.preparation.resize, 0, "resize", source);
    check_side(description.preparation.center_crop, 0, "center_crop", source);
    const int64_t made =
        description.preparation.size_of({description.source_size, description.source_size}).height;
    if (made != description.image_size) {
        throw Error(fmt::format("{}: by its metadata images of {} pixels become {}, but image_size is {}",
                                source, description.source_size, made, description.image_size));
    }
    for (const double deviation : description.preparation.normalize.deviation) {
        if (!(deviation > 0.0))
            throw Error(fmt::format("{}: deviation {} in its metadata is not above 0", source, deviation));
    }
}

}  // namespace

std::map<std::string, std::string> to_metadata(const ModelDescription& description) {
    return {{"model", description.model},
            {"classes", Json(description.classes).dump()},
            {"image_size", std::to_string(description.image_size)},
            {"source_size", std::to_string(description.source_size)},
            {"resize", std::to_string(description.preparation.resize)},
            {"center_crop", std::to_string(description.preparation.center_crop)},
            {"mean", Json(description.preparation.normalize.mean).dump()},
            {"deviation", Json(description.preparation.normalize.deviation).dump()},
            {"width_mult", fmt::format("{}", description.width_mult)},
            {"dropout", fmt::format("{}", description.dropout)}};
}

std::optional<ModelDescription> description_in(const SafeTensors& file, const std::string& source) {
    const auto model = file.metadata.find("model");
    if (model == file.metadata.end()) return std::nullopt;
    ModelDescription description;
    description.model = models::model_from_name(model->second).name;
    description.classes = value_of<std::vector<std::string>>(file, source, "classes");
    description.image_size = value_of<int64_t>(file, source, "image_size");
    description.source_size = value_of<int64_t>(file, source, "source_size");
    description.preparation.resize = value_of<int64_t>(file, source, "resize");
    description.preparation.center_crop = value_of<int64_t>(file, source, "center_crop");
    description.preparation.normalize.mean = value_of<std::array<double, 3>>(file, source, "mean");
    description.preparation.normalize.deviation = value_of<std::array<double, 3>>(file, source, "deviation");
    description.width_mult = value_of<double>(file, source, "width_mult");
    description.dropout = value_of<double>(file, source, "dropout");
    check(description, source);
    return description;
}

ModelDescription description_of_plain(const SafeTensors& file, const std::string& source,
                                      ModelDescription given) {
    given.classes = {"0"};
    if (given.image_size == 0) given.image_size = models::model_from_name(given.model).image_size;
    given.source_size = given.image_size;
    const std::string last = build_model(given, {}, 0)->trainable().back().name;
    const SafeTensor* bias = file.find(last);
    if (bias == nullptr || bias->shape.rank() != 1)
        throw Error(fmt::format("{} is not a {}: it has no vector {}", source, given.model, last));
    for (int64_t i = 1; i < bias->shape[0]; ++i) given.classes.push_back(std::to_string(i));
    return given;
}

std::shared_ptr<nn::Module> build_model(const ModelDescription& description, Placement placement,
                                        uint64_t seed) {
    return models::make_model(description.model, model_options(description), placement, seed);
}

std::shared_ptr<nn::Module> build_model(const ModelDescription& description, Placement placement,
                                        const SafeTensors& file, const std::string& source) {
    std::shared_ptr<nn::Module> model = build_model(description, placement, 0);
    load_model_state(*model, file, source);
    return model;
}

}  // namespace vitrine::tools
